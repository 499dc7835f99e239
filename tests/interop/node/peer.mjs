// Copyright (c) 2026, the supplychain.cosign authors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Signs a statement, or verifies a bundle of one, with the libraries of @sigstore. What to do is JSON on standard input:
// {statement, token, fulcio, rekor, version: 1|2, kind: "dsse"|"intoto", tsa?} prints the bundle;
// {bundle, trustedRoot, name, issuer} ends with 1, and prints why, when it is refused.
import { readFileSync } from 'node:fs';
import { bundleFromJSON, bundleToJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } from '@sigstore/sign';
import { PolicyError, toSignedEntity, toTrustMaterial, VerificationError, Verifier } from '@sigstore/verify';

async function sign({ statement, token, fulcio, rekor, version, kind, tsa }) {
  const witnesses = [new RekorWitness({ rekorBaseURL: rekor, majorApiVersion: version, entryType: kind })];
  if (tsa) witnesses.push(new TSAWitness({ tsaBaseURL: tsa }));
  const signer = new FulcioSigner({ fulcioBaseURL: fulcio, identityProvider: { getToken: async () => token } });
  const bundle = await new DSSEBundleBuilder({ signer, witnesses }).create({
    data: Buffer.from(statement),
    type: 'application/vnd.in-toto+json',
  });
  return JSON.stringify(bundleToJSON(bundle));
}

function verify({ bundle, trustedRoot, name, issuer }) {
  // It takes a string for a pattern, found anywhere in the name.
  const pattern = new RegExp(`^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
  const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(trustedRoot)));
  verifier.verify(toSignedEntity(bundleFromJSON(bundle)), {
    subjectAlternativeName: pattern,
    extensions: { issuer },
  });
}

const asked = JSON.parse(readFileSync(0, 'utf8'));
try {
  if (asked.bundle) verify(asked);
  else console.log(await sign(asked));
} catch (error) {
  if (!(error instanceof PolicyError || error instanceof VerificationError)) throw error;
  console.log(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
