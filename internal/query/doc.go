// Package query knows the AWS Query protocol, which IAM and STS speak ("Calling
// the IAM API using HTTP query requests", IAM User Guide): how a request's
// parameters are read and checked against the shapes that AWS publishes, the
// words in which a wrong one is refused, and the XML of answers and errors.
//
// It knows no operation. What a parameter means, what a request needs and what
// it does belongs to internal/iam and internal/sts. A parameter that an
// operation does not know is refused, never ignored.
package query
