// Package cli is the command line: a file per command. It turns flags and
// environment variables into configuration, and what happens into text: results
// to standard output, errors to standard error as "error:" and "hint:" lines,
// and an exit status of 0, 1 when the work failed, or 2 when the command line
// was wrong. A command that answers a question ends with 0 for yes, 1 for no,
// and 2 when it could not answer. It prints a secret only where making one is
// the command's work.
//
// Commands act through the public operations, as any client does: the command
// line has no power of its own. Those that answer from files decide through
// internal/simulate, which authorizes nothing.
package cli
