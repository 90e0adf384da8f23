// Package sts serves AWS Security Token Service: who a caller is, and temporary
// credentials for roles, users and federated users ("AWS STS API Reference").
// It knows what a session may be given and how long it may last.
//
// It decides nothing and stores nothing: whether a caller may assume a role is
// asked for as a need, and a session lives in its own sealed token.
package sts
