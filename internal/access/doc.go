// Package access is the one place that says who a caller is and what he may do.
// It joins a request with the directory's policies and asks policy/eval; no
// other package of the server may. It serves nothing and knows no protocol but
// the signature's.
package access
