package hls

import "testing"

func TestAttributeOf(t *testing.T) {
	list := []byte(`DURATION=0.2,URI="a,b=c",INDEPENDENT=YES,X=`)
	for name, want := range map[string]string{"DURATION": "0.2", "URI": "a,b=c", "INDEPENDENT": "YES", "X": "", "Y": "", "b": ""} {
		if got := string(attributeOf(list, name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
