package shop

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"souk/internal/api"
)

// Limits of files.
const (
	maxImport = 4 << 20 // bytes of one file that is read
	maxFaults = 100     // rows that one refusal names
)

// ErrRows is the refusal of a file that is too long.
var ErrRows = api.Fail(http.StatusRequestEntityTooLarge, "too_large", "The file has more rows than one file can have.")

// risky tells whether a spreadsheet would take text for a formula, or for the end
// of a cell. The full-width forms are among them: some programs fold them.
func risky(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first)
}

// cell makes text safe to open in a spreadsheet: what would start a formula is
// led by an apostrophe, which spreadsheets take as "this is text". What looks as
// if it had been led by one gets another, so that uncell gives every text back.
func cell(text string) string {
	if risky(strings.TrimLeft(text, "'")) {
		return "'" + text
	}
	return text
}

// uncell undoes cell, so that an exported file can be imported.
func uncell(text string) string {
	if bare, led := strings.CutPrefix(text, "'"); led && risky(strings.TrimLeft(bare, "'")) {
		return bare
	}
	return text
}

// csvOut writes a CSV download row by row (RFC 4180), every cell safe.
type csvOut struct{ to *csv.Writer }

// beginFile answers with a file of that name. A row that fails later cannot be a
// refusal any more: see [csvOut.end].
func beginFile(w http.ResponseWriter, name string, header []string) csvOut {
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	out := csvOut{csv.NewWriter(w)}
	out.to.UseCRLF = true // RFC 4180, section 2
	_ = out.to.Write(header)
	return out
}

func (o csvOut) row(cells ...string) {
	for i := range cells {
		cells[i] = cell(cells[i])
	}
	_ = o.to.Write(cells) // the client may be gone; nothing to undo
}

// end finishes the file. With an error it breaks the connection: a part of a file
// must not look like all of it.
func (o csvOut) end(err error) {
	o.to.Flush()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// csvIn reads a CSV file with a header row, whose columns may be in any order.
type csvIn struct {
	from   *csv.Reader
	column map[string]int
	row    int // of the file, the header is 1
}

// csvRow is a row as it was meant: without what cell added, space cut off.
type csvRow struct {
	in    *csvIn
	cells []string
}

// get is the cell of a column, "" where the file has no such column.
func (r csvRow) get(column string) string {
	if i, ok := r.in.column[column]; ok {
		return strings.TrimSpace(uncell(r.cells[i]))
	}
	return ""
}

func badCSV(what string) *api.Error {
	return api.Fail(http.StatusUnprocessableEntity, "bad_csv", "The file "+what+".")
}

// openCSV reads the header, and refuses a file without one of the columns. A byte
// order mark, as spreadsheets write it, is no part of the first name.
func openCSV(from io.Reader, needed ...string) (*csvIn, error) {
	in := &csvIn{from: csv.NewReader(from), column: map[string]int{}, row: 1}
	in.from.ReuseRecord = true
	header, err := in.from.Read()
	if err != nil {
		if large := in.unreadable(err); large.Code == ErrRows.Code {
			return nil, large
		}
		return nil, badCSV("has no header row").Because(err)
	}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if _, twice := in.column[name]; twice {
			return nil, badCSV("has the column " + name + " twice")
		}
		in.column[name] = i
	}
	for _, name := range needed {
		if _, ok := in.column[name]; !ok {
			return nil, badCSV("lacks the column " + name)
		}
	}
	return in, nil
}

// next is the next row; io.EOF after the last one. The row is good until the
// call after.
func (in *csvIn) next() (csvRow, error) {
	cells, err := in.from.Read()
	in.row++
	if errors.Is(err, io.EOF) {
		return csvRow{}, io.EOF
	}
	if err != nil {
		return csvRow{}, in.unreadable(err)
	}
	for _, c := range cells {
		if !utf8.ValidString(c) {
			return csvRow{}, badCSV("is not UTF-8").With("row", in.row)
		}
	}
	return csvRow{in, cells}, nil
}

func (in *csvIn) unreadable(err error) *api.Error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return api.Fail(ErrRows.Status, ErrRows.Code, "A file may have at most 4 MiB.")
	}
	return badCSV("cannot be read as CSV").Because(err).With("row", in.row)
}

// fault is what is wrong with a row.
type fault struct {
	Row    int    `json:"row"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// faults is what is wrong with a file: every row of it, so that whoever wrote it
// need not find out one by one.
type faults struct {
	all   []fault
	first *api.Error
}

// add notes a refusal. Any other error is returned.
func (f *faults) add(row int, err error) error {
	var refusal *api.Error
	if err == nil || !errors.As(err, &refusal) {
		return err
	}
	if f.first == nil {
		f.first = refusal.With("row", row)
	}
	if len(f.all) < maxFaults {
		f.all = append(f.all, fault{row, refusal.Code, refusal.Detail})
	}
	return nil
}

// refusal is that of the first row that was refused, with what is wrong with the
// others; nil when nothing is.
func (f *faults) refusal() error {
	if f.first == nil {
		return nil
	}
	return f.first.With("rows", f.all)
}
