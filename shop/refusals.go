package shop

import (
	"net/http"

	"souk/internal/api"
)

// Refusals: what a client can be told, by stable word.
var (
	ErrNoChannel    = api.Fail(http.StatusNotFound, "no_such_channel", "There is no such channel.")
	ErrNoProduct    = api.Fail(http.StatusNotFound, "no_such_product", "There is no such product on this channel.")
	ErrNoPin        = api.Fail(http.StatusNotFound, "no_such_pin", "This card was never on air here.")
	ErrNoOrder      = api.Fail(http.StatusNotFound, "no_such_order", "There is no such order.")
	ErrNoImage      = api.Fail(http.StatusNotFound, "no_such_image", "There is no such image.")
	ErrNoEndpoint   = api.Fail(http.StatusNotFound, "no_such_endpoint", "There is no such endpoint on this channel.")
	ErrNoDelivery   = api.Fail(http.StatusNotFound, "no_such_delivery", "Nothing like this was ever for this endpoint, or it is long ago.")
	ErrNoSuchMethod = api.Fail(http.StatusNotFound, "no_such_payment_method", "You have not saved such a way to pay.")
	ErrForbidden    = api.Fail(http.StatusForbidden, "not_allowed", "Your role on this channel does not allow this.")

	ErrBadKey       = api.Fail(http.StatusBadRequest, "bad_key", "An order needs an Idempotency-Key header with a UUID of version 7, made when the finger goes down.")
	ErrKeyReused    = api.Fail(http.StatusUnprocessableEntity, "key_reused", "This Idempotency-Key was used for something else.")
	ErrSoldOut      = api.Fail(http.StatusConflict, "sold_out", "Sold out.")
	ErrPriceChanged = api.Fail(http.StatusConflict, "price_changed", "The price is no longer what it was.")
	ErrBadQuote     = api.Fail(http.StatusUnprocessableEntity, "bad_quote", "This quote is not one of this shop, or it is for something else.")
	ErrTooSmall     = api.Fail(http.StatusUnprocessableEntity, "amount_too_small", "That is less than the payment provider takes in this currency.")
	ErrTooLarge     = api.Fail(http.StatusUnprocessableEntity, "amount_too_large", "That is more than one payment can carry in this currency.")
	ErrStep         = api.Fail(http.StatusUnprocessableEntity, "amount_too_fine", "The payment provider takes amounts in this currency in whole steps only.")
	ErrCurrency     = api.Fail(http.StatusUnprocessableEntity, "currency_not_supported", "The payment provider takes no payments in this currency.")
	ErrNotShipped   = api.Fail(http.StatusConflict, "not_shipped_there", "This channel does not ship to your country, or not in this currency.")
	ErrTooHeavy     = api.Fail(http.StatusConflict, "too_heavy", "That is heavier than any parcel this channel sends there.")
	ErrNoPrice      = api.Fail(http.StatusConflict, "not_sold_in_currency", "This product has no price in this currency.")
	ErrLimit        = api.Fail(http.StatusConflict, "limit_reached", "You have as many of these as one person can have.")
	ErrOpenHolds    = api.Fail(http.StatusConflict, "limit_reached", "You have units of several things set aside already. Buy or release some first.")
	ErrNoHold       = api.Fail(http.StatusNotFound, "no_such_hold", "There is nothing set aside like this.")
	ErrHoldOver     = api.Fail(http.StatusConflict, "hold_over", "The time for this is over, and the units were given back.")
	ErrHoldFinal    = api.Fail(http.StatusConflict, "hold_final", "There is no more time: others are waiting, or it was long enough.")
	ErrNoPlace      = api.Fail(http.StatusNotFound, "no_such_place", "You are not in this line.")
	ErrInStock      = api.Fail(http.StatusConflict, "in_stock", "There is no line: it can be bought.")
	ErrLineFull     = api.Fail(http.StatusConflict, "line_full", "So many are waiting already that there is no place left in line.")
	ErrPlaces       = api.Fail(http.StatusConflict, "limit_reached", "You are standing in as many lines as one person can.")
	ErrOpenOrders   = api.Fail(http.StatusConflict, "limit_reached", "You have ten orders that are not paid yet. Finish or cancel one first.")
	ErrDeclines     = api.Fail(http.StatusTooManyRequests, "too_fast", "Too many payments were declined. Wait ten minutes, or ask your bank.").With("retry_ms", declineWindow.Milliseconds())
	ErrRegion       = api.Fail(http.StatusUnavailableForLegalReasons, "region_blocked", "This channel does not sell to your country.")
	ErrNoAddress    = api.Fail(http.StatusUnprocessableEntity, "address_missing", "Say where to send it first: an e-mail address and a postal address.")
	ErrNoMethod     = api.Fail(http.StatusUnprocessableEntity, "payment_method_missing", "Save a way to pay first.")
	ErrMethods      = api.Fail(http.StatusConflict, "limit_reached", "You have saved twenty ways to pay. Remove one first.")
	ErrMethodInUse  = api.Fail(http.StatusConflict, "method_in_use", "An order is being paid with this right now. Wait until that is over, or call the order off.")
	ErrDeclined     = api.Fail(http.StatusPaymentRequired, "payment_declined", "The payment was declined. Nothing was charged.")
	ErrOrderClosed  = api.Fail(http.StatusConflict, "order_closed", "This order has ended without a payment.")
	ErrNotNow       = api.Fail(http.StatusConflict, "not_now", "The order is not in a state that allows this.")
	ErrOverRefund   = api.Fail(http.StatusConflict, "over_refunded", "That is more than is left of the payment.")
	ErrDisputed     = api.Fail(http.StatusConflict, "disputed", "The buyer's bank has taken this payment back, or may: it is disputed, and cannot be refunded as well.")
	ErrRefund       = api.Fail(http.StatusBadGateway, "refund_failed", "The payment provider refused the refund. Nothing was paid back.")
	ErrProvider     = api.Fail(http.StatusBadGateway, "provider_unavailable", "The payment provider does not answer. Please try again.")
	ErrSKUTaken     = api.Fail(http.StatusConflict, "sku_taken", "Another product of this channel has this SKU.")
	ErrFull         = api.Fail(http.StatusConflict, "limit_reached", "The channel has as many products as one channel can have.")
	ErrEndpoints    = api.Fail(http.StatusConflict, "limit_reached", "The channel has as many endpoints as one channel can have.")
	ErrEndpointOff  = api.Fail(http.StatusConflict, "endpoint_disabled", "The endpoint is disabled. Enable it first.")
	ErrBadHook      = api.Fail(http.StatusBadRequest, "bad_signature", "The notification is not signed by the payment provider.")
)

// bad refuses one member of a body: 422 with the member's name.
func bad(field, what string) error {
	return api.Fail(http.StatusUnprocessableEntity, "bad_"+field, "The member "+field+" "+what+".").With("field", field)
}
