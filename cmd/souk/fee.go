package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"souk/account"
	"souk/internal/db"
	"souk/shop"
	"souk/shop/stripe"
)

// runFeeShow is `souk fee show`.
func runFeeShow(ctx context.Context, c *cli, args []string) error {
	cfg, rest, err := parse(c, "fee show", args, nil)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return fmt.Errorf("%w: fee show needs a channel, after the flags", errUsage)
	}
	return withExisting(ctx, c, cfg, func(ctx context.Context, d *db.DB, log *slog.Logger) error {
		if _, err := account.New(d, log).Channel(ctx, rest[0]); err != nil {
			return sentence(err)
		}
		fees, err := shop.New(d, log).FeesOf(ctx, rest[0])
		if err != nil {
			return err
		}
		out := json.NewEncoder(c.out)
		out.SetIndent("", "  ")
		return out.Encode(fees)
	})
}

// runFeeSet is `souk fee set`. A running server takes the rule from the next
// order on.
func runFeeSet(ctx context.Context, c *cli, args []string) error {
	var bps int64
	var fixed, product, merchant string
	var clear bool
	cfg, rest, err := parse(c, "fee set", args, func(set *flag.FlagSet, _ *Config) {
		set.Int64Var(&bps, "bps", 0, "")
		set.StringVar(&fixed, "fixed", "", "")
		set.StringVar(&product, "product", "", "")
		set.StringVar(&merchant, "merchant", "", "")
		set.BoolVar(&clear, "clear", false, "")
	})
	if err != nil {
		return err
	}
	if len(rest) != 1 || product != "" && merchant != "" {
		return fmt.Errorf("%w: fee set needs a channel, after the flags, and at most one of --product and --merchant", errUsage)
	}
	rule := &shop.FeeRule{BPS: bps}
	if rule.Fixed, err = fixedFees(fixed); err != nil {
		return fmt.Errorf("%w: --fixed: %w", errUsage, err)
	}
	if clear {
		rule = nil
	}
	return withExisting(ctx, c, cfg, func(ctx context.Context, d *db.DB, log *slog.Logger) error {
		accounts := account.New(d, log)
		if _, err := accounts.Channel(ctx, rest[0]); err != nil {
			return sentence(err)
		}
		who := ""
		if merchant != "" {
			id, found, err := accounts.AccountByEmail(ctx, merchant)
			if err != nil || !found {
				return fmt.Errorf("no account %s: %w", merchant, err)
			}
			who = id
		}
		s := shop.New(d, log)
		s.Limits = stripe.Limits
		if err := s.SetFee(ctx, rest[0], who, product, rule); err != nil {
			return sentence(err)
		}
		fmt.Fprintf(c.out, "fee set on %s\n", rest[0])
		return nil
	})
}

// fixedFees reads "USD=30,EUR=25": minor units by currency.
func fixedFees(text string) (map[string]int64, error) {
	fees := map[string]int64{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		code, amount, _ := strings.Cut(part, "=")
		n, err := strconv.ParseInt(amount, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not like USD=30", part)
		}
		fees[strings.ToUpper(strings.TrimSpace(code))] = n
	}
	return fees, nil
}
