package db

import (
	"database/sql"
	"io/fs"
)

// Collect scans every row and closes rows. It takes the two results of a query
// as they come; the slice is empty, not nil, when there are no rows.
func Collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// Folder is the part of a package's embedded files that [DB.Migrate] wants. It
// panics when the folder is not there: it is compiled in.
func Folder(files fs.FS, name string) fs.FS {
	sub, err := fs.Sub(files, name)
	if err != nil {
		panic(err)
	}
	return sub
}
