package shop

import (
	"net/http"

	"souk/internal/api"
)

// Refusals of coupons, tips and offers to one person.
var (
	ErrCouponUnknown = api.Fail(http.StatusUnprocessableEntity, "coupon_unknown", "There is no coupon with this code here.")
	ErrCouponEnded   = api.Fail(http.StatusConflict, "coupon_ended", "This coupon has ended.")
	ErrCouponUsedUp  = api.Fail(http.StatusConflict, "coupon_used_up", "This coupon has been used as often as it can be.")
	ErrCouponYours   = api.Fail(http.StatusConflict, "coupon_limit", "You have used this coupon as often as one person can.")
	ErrCouponFirst   = api.Fail(http.StatusConflict, "coupon_first_only", "This coupon is for a first order here.")
	ErrCouponNotHere = api.Fail(http.StatusConflict, "coupon_not_here", "This coupon is not for this product or show.")
	ErrCouponLeast   = api.Fail(http.StatusConflict, "coupon_minimum", "The order is too small for this coupon.")
	ErrNoCoupon      = api.Fail(http.StatusNotFound, "no_such_coupon", "There is no such coupon on this channel.")
	ErrCodeTaken     = api.Fail(http.StatusConflict, "code_taken", "Another coupon of this channel has this code.")
	ErrCoupons       = api.Fail(http.StatusConflict, "limit_reached", "The channel has as many coupons as one channel can have.")
	ErrTip           = api.Fail(http.StatusUnprocessableEntity, "bad_tip", "This is not a sum to tip.")
	ErrNoOffer       = api.Fail(http.StatusNotFound, "no_such_offer", "There is no such offer for you.")
	ErrOfferOver     = api.Fail(http.StatusConflict, "offer_ended", "This offer has ended.")
	ErrOfferUsed     = api.Fail(http.StatusConflict, "offer_used", "This offer has been taken already.")
	ErrPersonals     = api.Fail(http.StatusConflict, "limit_reached", "The channel has as many open offers to single people as it can have.")
)
