// Copyright (c) 2026, the supplychain.cosign authors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Command tsa serves Sigstore's timestamp authority with a key in memory, on the port of 127.0.0.1 that it is given.
// Its own command also serves metrics on a fixed port of every address, so that two of them cannot run on one machine.
package main

import (
	"log"
	"os"
	"strconv"
	"time"

	"github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
)

func main() {
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	const policy = "1.3.6.1.4.1.57264.2"
	viper.Set("timestamp-signer", "memory")
	viper.Set("timestamp-signer-hash", "sha256")
	viper.Set("default-policy-oid", policy)
	viper.Set("accepted-policy-oids", []string{policy})
	log.Fatal(server.NewRestAPIServer("127.0.0.1", port, []string{"http"}, false, time.Minute, time.Minute).Serve())
}
