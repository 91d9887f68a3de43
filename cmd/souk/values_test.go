package main

import (
	"flag"
	"testing"
)

// Values of options print as they are read.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		value     flag.Value
		good, bad []string
	}{
		{new(ageValue), []string{"30d", "0d", "12h0m0s", "90d"}, []string{"", "d", "-1d", "-1h", "30", "1.5d", "99999d"}},
		{new(sizeValue), []string{"50GB", "500MB", "2TB", "0", "1kB", "17B"}, []string{"", "GB", "-1GB", "50GiB", "1e30GB", "NaN"}},
		{new(switchValue), []string{"true", "false"}, []string{"", "yes", "2"}},
	} {
		for _, s := range c.good {
			if err := c.value.Set(s); err != nil || c.value.String() != s {
				t.Errorf("%T of %q is %q, %v", c.value, s, c.value.String(), err)
			}
		}
		for _, s := range c.bad {
			if err := c.value.Set(s); err == nil {
				t.Errorf("%T takes %q for %s", c.value, s, c.value)
			}
		}
	}
}
