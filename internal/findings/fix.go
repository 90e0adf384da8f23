package findings

import (
	"slices"

	"github.com/keywright/keywright/policy/edit"
)

// MaxFixes is how many fixes Mend makes at most.
const MaxFixes = 1000

// Mend returns the file with its safe fixes made, and with the findings that are
// left. Its Mended are those that are not, each as it was found. It makes one fix at a time and checks again,
// since of two fixes each may be safe only without the other: of two equal
// statements one can go, not both. What no fix touches stays byte for byte.
func Mend(f File) File {
	var mended []Finding
	for len(mended) < MaxFixes {
		i := slices.IndexFunc(f.Findings, func(of Finding) bool { return of.Fix != nil })
		if i < 0 {
			break
		}
		of := f.Findings[i]
		source, err := edit.Apply(f.Source, of.Fix.Edits...)
		if err != nil { // cannot be: the edits are of this source
			break
		}
		after := Check(f.Name, source, f.Type, f.Options)
		after.Guess = f.Guess
		f, mended = after, append(mended, of)
	}
	f.Mended = mended
	return f
}
