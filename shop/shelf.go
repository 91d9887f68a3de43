package shop

import (
	"net/http"

	"souk/internal/api"
)

// ListProducts handles GET /api/v1/channels/{channel}/products, for anybody.
func (s *Shop) ListProducts(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Who.Channel(r.Context(), r.PathValue("channel"), "")
	if err != nil {
		return err
	}
	all, err := s.Products(r.Context(), c.Slug)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"products": all})
}

// AddProduct handles POST /api/v1/channels/{channel}/products.
func (s *Shop) AddProduct(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	who, err := s.require(r, channel, sellers)
	if err != nil {
		return err
	}
	var n NewProduct
	if err := api.Read(w, r, &n); err != nil {
		return err
	}
	p, err := s.AddTo(r.Context(), channel, who.ID, n)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusCreated, p)
}

// EditProduct handles PATCH /api/v1/products/{id}. The room learns of a new
// price and of new stock at once.
func (s *Shop) EditProduct(w http.ResponseWriter, r *http.Request) error {
	before, who, err := s.shelved(r)
	if err != nil {
		return err
	}
	var c change
	if err := api.Read(w, r, &c); err != nil {
		return err
	}
	p, err := s.edit(r.Context(), before.ID, who.ID, c)
	if err != nil {
		return err
	}
	s.sold.back(p.ID)
	nudge(s.turns)
	s.moved(p.ID, p.Channel)
	if p.Price != before.Price {
		if err := s.tellPrice(r.Context(), p.Channel, p.ID, p.Price); err != nil {
			return err
		}
	}
	return api.Write(w, http.StatusOK, p.Product)
}

// DropProduct handles DELETE /api/v1/products/{id}.
func (s *Shop) DropProduct(w http.ResponseWriter, r *http.Request) error {
	p, _, err := s.shelved(r)
	if err != nil {
		return err
	}
	if err := s.unpin(r.Context(), p.Channel, p.ID); err != nil {
		return err
	}
	if err := s.drop(r.Context(), p.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// shelved returns the product of the request if it is on sale and who asks may
// change it.
func (s *Shop) shelved(r *http.Request) (product, Person, error) {
	who, err := s.Who.Person(r)
	if err != nil {
		return product{}, who, err
	}
	p, err := productByID(r.Context(), s.DB.Read(), r.PathValue("id"))
	if err != nil {
		return product{}, who, err
	}
	if p.Dropped {
		return product{}, who, ErrNoProduct
	}
	who, err = s.require(r, p.Channel, sellers)
	return p, who, err
}
