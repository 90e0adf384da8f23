// Package arch holds Keywright to its own conventions. imports.txt lists every
// package with what it may import, and the tests enforce the list, the purity
// of the engine, and the limits of names, comments and sizes. Each gate counts
// what it looked at and fails when that is too little to mean anything.
//
// It has no code: nothing imports it.
package arch
