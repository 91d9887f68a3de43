package main

import "testing"

// A publisher that came back with the new key, while the watch was finding out
// about the old one, stays.
func TestForgottenKey(t *testing.T) {
	k := &keys{used: map[string]string{"tea": "new"}}
	if k.forget("tea", "old") || k.used["tea"] != "new" {
		t.Error("the new key was forgotten")
	}
	if !k.forget("tea", "new") || len(k.used) != 0 {
		t.Error("the key in use was kept")
	}
}
