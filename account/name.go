package account

import (
	"context"
	"crypto/rand"
	"database/sql"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"souk/internal/api"
	"souk/internal/cards"
	"souk/internal/db"
	"souk/internal/fold"
)

// maxMarks is how many combining marks may sit on one character of a name.
const maxMarks = 3

// offices are words in a name that only somebody with an account may have: they
// say that one speaks for the house.
var offices = skeletons("souk", "admin", "administrator", "moderator", "mod", "host", "owner", "staff", "support", "official", "system", "team", "seller", "merchant")

// cleanName normalises what people call themselves: composed characters, no
// controls, nothing that is not seen or changes how the rest is read, no piles
// of marks, single spaces. It returns "" when nothing is left to see.
func cleanName(s string) (string, error) {
	marks := 0
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs), hollow(r):
			return -1
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > maxMarks {
				return -1
			}
		default:
			marks = 0
		}
		return r
	}, norm.NFC.String(s))
	s = cards.Mask(norm.NFC.String(strings.Join(strings.Fields(s), " ")))
	if utf8.RuneCountInString(s) > maxName {
		return "", api.Fail(http.StatusUnprocessableEntity, "bad_name", "A name has at most 32 characters.")
	}
	if strings.IndexFunc(s, func(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.S, unicode.P) }) < 0 {
		s = "" // marks on nothing
	}
	return s, nil
}

// hollow are letters and signs without ink.
func hollow(r rune) bool {
	return r == '\u115F' || r == '\u1160' || r == '\u3164' || r == '\uFFA0' || r == '\u2800'
}

// free refuses a guest a name by which they could be taken for somebody else
// who matters: for anybody with an account, for a channel, or for the house.
func free(ctx context.Context, tx *db.Tx, name string) error {
	look := fold.Skeleton(name)
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.Mn, r) })
	for _, word := range append(words, name) {
		if slices.Contains(offices, fold.Skeleton(word)) {
			return api.Fail(http.StatusConflict, "name_taken", "With this name you could be taken for somebody who runs this place. Choose another.")
		}
	}
	if look == "" {
		return nil // signs only: nobody with an account is called that
	}
	var taken int
	err := tx.QueryRow(ctx, "SELECT count(*) FROM account_person WHERE skeleton = $1 AND email IS NOT NULL", look).Scan(&taken)
	if err == nil && taken > 0 {
		return api.Fail(http.StatusConflict, "name_taken", "This name belongs to somebody with an account. Choose another.")
	}
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, "SELECT title FROM account_channel LIMIT $1", maxChannels)
	titles, err := db.Collect(rows, err, func(rows *sql.Rows) (title string, err error) { return title, rows.Scan(&title) })
	if slices.Contains(skeletons(titles...), look) {
		return api.Fail(http.StatusConflict, "name_taken", "This is the name of a channel. Choose another.")
	}
	return err
}

func skeletons(names ...string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = fold.Skeleton(name)
	}
	return out
}

// sketch gives accounts from before there were skeletons theirs.
func (a *Accounts) sketch(ctx context.Context) error {
	return a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		type row struct{ id, name string }
		rows, err := tx.Query(ctx, "SELECT id, name FROM account_person WHERE skeleton = '' AND email IS NOT NULL")
		all, err := db.Collect(rows, err, func(rows *sql.Rows) (r row, err error) { return r, rows.Scan(&r.id, &r.name) })
		for _, r := range all {
			if err == nil {
				_, err = tx.Exec(ctx, "UPDATE account_person SET skeleton = $1 WHERE id = $2", fold.Skeleton(r.name), r.id)
			}
		}
		return err
	})
}

func guestName() string {
	n, _ := rand.Int(rand.Reader, big.NewInt(9000)) // never fails (crypto/rand, since Go 1.24)
	return "Guest " + strconv.FormatInt(1000+n.Int64(), 10)
}
