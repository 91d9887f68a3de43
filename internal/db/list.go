package db

import (
	"strconv"
	"strings"
)

// In returns what goes between the parentheses of IN for values, to follow the
// args there are, and all args. Lists are filled up to a power of two with their
// last value, so that few texts have to be compiled; there must be a value.
func In[T any](args []any, values []T) (list string, all []any) {
	size := 1
	for size < len(values) {
		size *= 2
	}
	all = append(make([]any, 0, len(args)+size), args...)
	for i := range size {
		all = append(all, values[min(i, len(values)-1)])
	}
	return placeholders(len(args)+1, size), all
}

// placeholders is "$3, $4, $5" for 3 and 3.
func placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(from+i))
	}
	return b.String()
}
