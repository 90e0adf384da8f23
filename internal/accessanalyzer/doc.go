// Package accessanalyzer serves the part of the API of IAM Access Analyzer that
// needs no findings about an account: ValidatePolicy. It speaks the REST-JSON
// protocol, knows the operations of the whole API by name, and puts what
// policy/lint finds into Access Analyzer's shapes ("IAM Access Analyzer API
// Reference").
//
// It keeps nothing and knows no account; it looks at the document that it is
// handed and at nothing else.
package accessanalyzer
