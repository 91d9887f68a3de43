package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// switchValue is an option that is on or off: --record, --record=false.
type switchValue bool

func (v *switchValue) String() string   { return strconv.FormatBool(bool(*v)) }
func (v *switchValue) IsBoolFlag() bool { return true }
func (v *switchValue) Set(s string) error {
	on, err := strconv.ParseBool(s)
	if err != nil {
		return errors.New("want true or false")
	}
	*v = switchValue(on)
	return nil
}

// ageValue is a time in days or any smaller unit; 0 is for ever.
type ageValue time.Duration

const day = 24 * time.Hour

func (v *ageValue) String() string {
	if d := time.Duration(*v); d%day != 0 {
		return d.String()
	}
	return strconv.FormatInt(int64(time.Duration(*v)/day), 10) + "d"
}

func (v *ageValue) Set(s string) error {
	days, isDays := strings.CutSuffix(s, "d")
	n, err := strconv.ParseUint(days, 10, 16)
	d := time.Duration(n) * day
	if !isDays && s != "0" {
		d, err = time.ParseDuration(s)
	}
	if err != nil || d < 0 {
		return errors.New("want a time such as 30d or 12h, or 0 for ever")
	}
	*v = ageValue(d)
	return nil
}

// sizeValue is a number of bytes; 0 is no limit.
type sizeValue int64

var sizeUnits = []struct {
	name string
	size float64
}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}, {"", 1}}

func (v *sizeValue) String() string {
	for _, u := range sizeUnits {
		if n := float64(*v) / u.size; n >= 1 && n == math.Trunc(n) {
			return strconv.FormatFloat(n, 'f', -1, 64) + u.name
		}
	}
	return "0"
}

func (v *sizeValue) Set(s string) error {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n >= 0 && n*u.size < 1<<62) {
			break
		}
		*v = sizeValue(n * u.size)
		return nil
	}
	return errors.New("want a size such as 50GB or 500MB, or 0 for no limit")
}
