package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// kinds is what an id's prefix says about the object.
var kinds = map[string]string{
	"cus": "customer", "pm": "payment_method", "seti": "setup_intent", "pi": "payment_intent", "ch": "charge", "re": "refund", "dp": "dispute",
}

// expanded answers with the objects that expand[] asks for in the place of
// their ids.
func (c *call) expanded(answer any) (any, error) {
	paths := c.list("expand")
	if len(paths) == 0 {
		return answer, nil
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	var doc any
	exact := json.NewDecoder(bytes.NewReader(body))
	exact.UseNumber()
	if err := exact.Decode(&doc); err != nil {
		return nil, err
	}
	for _, path := range paths {
		names := strings.Split(path, ".")
		if len(names) > maxExpand {
			return nil, wrong("expand", "You cannot expand more than 4 levels of a property. Property: "+path)
		}
		if err := c.expand(doc, names, path); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

func (c *call) expand(doc any, names []string, path string) error {
	if len(names) == 0 {
		return nil
	}
	if all, ok := doc.([]any); ok { // of each in a list
		for _, one := range all {
			if err := c.expand(one, names, path); err != nil {
				return err
			}
		}
		return nil
	}
	in, ok := doc.(map[string]any)
	if !ok {
		return nil // null: there is nothing to expand
	}
	v, there := in[names[0]]
	if id, ok := v.(string); ok {
		prefix, _, _ := strings.Cut(id, "_")
		object, err := c.fetch(prefix, id)
		var no *failure
		if errors.As(err, &no) || object == nil && err == nil {
			return wrong("expand", "This property cannot be expanded ("+path+").")
		}
		if err != nil {
			return err
		}
		in[names[0]], v = object, object
	}
	switch v.(type) {
	case map[string]any, []any, nil:
	default:
		there = false // a plain value has nothing behind it
	}
	if !there {
		return wrong("expand", "This property cannot be expanded ("+path+").")
	}
	return c.expand(v, names[1:], path)
}

// fetch reads the object of an id; nil when ids of that prefix name none.
func (c *call) fetch(prefix, id string) (object any, err error) {
	var body json.RawMessage
	switch kind := kinds[prefix]; {
	case prefix == "txn":
		var t balanceTransaction
		if t, err = c.balance(id); err == nil {
			body, err = json.Marshal(t)
		}
	case kind != "":
		body, err = c.body(kind, id)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	exact := json.NewDecoder(bytes.NewReader(body))
	exact.UseNumber()
	err = exact.Decode(&object)
	return object, err
}
