package findings

import (
	"slices"

	"github.com/keywright/keywright/policy/edit"
)

// MaxFixes is how many fixes Mend makes at most.
const MaxFixes = 1000

// Mend returns the file with its safe fixes made, and with the findings that are
// left. Its Mended are those that are not, as they were found. It makes one fix
// at a time and checks again, since of two fixes each may be safe only without
// the other: of two equal statements one can go, not both. It begins at the end,
// so that the places of what comes before stay as they are. What no fix touches
// stays byte for byte.
func Mend(f File) File {
	var mended []Finding
	for len(mended) < MaxFixes {
		i := len(f.Findings) - 1
		for i >= 0 && f.Findings[i].Fix == nil {
			i--
		}
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
	slices.SortStableFunc(mended, func(a, b Finding) int { return a.Position.Offset - b.Position.Offset })
	f.Mended = mended
	return f
}
