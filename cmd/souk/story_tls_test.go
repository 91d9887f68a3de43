package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// certificateCmd is the command `certificate CA CERT KEY`: a certificate for this
// machine, as an authority would issue it, whose own certificate is CA.
func certificateCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: certificate CA CERT KEY")
	}
	issue := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
		if signer == nil {
			parent, signer = template, key
		}
		template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
		ts.Check(err)
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		ts.Check(err)
		made, err := x509.ParseCertificate(der)
		ts.Check(err)
		return made, key
	}
	write := func(name, kind string, b []byte) {
		ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600))
	}
	authority, signer := issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	leaf, key := issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "souk"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, authority, signer)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	write(args[0], "CERTIFICATE", authority.Raw)
	write(args[1], "CERTIFICATE", leaf.Raw)
	write(args[2], "PRIVATE KEY", secret)
}
