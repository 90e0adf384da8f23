// Package service is the one way from a request to its answer: it routes a
// request to its service by the scope of its signature, has it authenticated,
// finds its operation in the service's table, has every need of the operation
// authorized, and only then lets the operation serve. What is in no table
// cannot be served, and an operation cannot be put in a table without saying
// what it needs.
//
// It knows no operation and no policy. Operations belong to internal/s3, iam, sts
// and accessanalyzer, which import this package and not
// internal/access: they cannot decide, and they cannot forget to ask.
package service
