// Copyright (c) 2026, the supplychain.cosign authors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Command policy asks containers/image, the library of podman, skopeo and CRI-O, whether a policy lets an image run.
//
// usage: policy POLICY.json REGISTRIES.D IMAGE      exit status 0: accepted, 1: rejected (why is on standard error), 2: could not look
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

func allowed(policyPath, registriesPath, name string) error {
	policy, err := signature.NewPolicyFromFile(policyPath)
	if err != nil {
		return err
	}
	policyContext, err := signature.NewPolicyContext(policy)
	if err != nil {
		return err
	}
	defer policyContext.Destroy()
	reference, err := docker.ParseReference("//" + name)
	if err != nil {
		return err
	}
	ctx := context.Background()
	source, err := reference.NewImageSource(ctx, &types.SystemContext{
		RegistriesDirPath:           registriesPath,
		DockerInsecureSkipTLSVerify: types.OptionalBoolTrue,
	})
	if err != nil {
		return err
	}
	defer source.Close()
	_, err = policyContext.IsRunningImageAllowed(ctx, image.UnparsedInstance(source, nil))
	return err
}

func main() {
	err := allowed(os.Args[1], os.Args[2], os.Args[3])
	var unmet signature.PolicyRequirementError
	var invalid signature.InvalidSignatureError
	switch {
	case err == nil:
	case errors.As(err, &unmet), errors.As(err, &invalid):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
