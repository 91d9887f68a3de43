package account

import (
	"context"
	"database/sql"
	"slices"

	"souk/internal/db"
)

// Post is where a person holds roles.
type Post struct{ Channel, Person string }

// AllRoles returns who holds which roles where.
func (a *Accounts) AllRoles(ctx context.Context) (map[Post][]Role, error) {
	type row struct {
		at   Post
		role Role
	}
	rows, err := a.DB.Read().QueryContext(ctx, "SELECT channel, person, role FROM account_role ORDER BY role")
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (r row, err error) { return r, rows.Scan(&r.at.Channel, &r.at.Person, &r.role) })
	by := map[Post][]Role{}
	for _, r := range all {
		by[r.at] = append(by[r.at], r.role)
	}
	return by, err
}

// Changed returns where the roles differ between two answers of AllRoles.
func Changed(before, now map[Post][]Role) (changed []Post) {
	for at, roles := range now {
		if !slices.Equal(before[at], roles) {
			changed = append(changed, at)
		}
	}
	for at := range before {
		if now[at] == nil {
			changed = append(changed, at)
		}
	}
	return changed
}
