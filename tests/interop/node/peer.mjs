// Copyright (c) 2026, the supplychain.cosign authors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Signs a statement, or verifies a bundle of one, with the libraries of @sigstore. What to do is JSON on standard input:
// {statement, token | key, fulcio, rekor, version: 1|2, kind: "dsse"|"intoto", tsa?} prints the bundle;
// {bundle, trustedRoot, name, issuer | key} ends with 1, and prints why, when it is refused;
// a list of these prints the list of why each is refused, "" for what is accepted.
import { createPrivateKey, createPublicKey, sign as signWith } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { bundleFromJSON, bundleToJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } from '@sigstore/sign';
import { PolicyError, toSignedEntity, toTrustMaterial, VerificationError, Verifier } from '@sigstore/verify';

// Of keys in files the library knows nothing; this is all that it asks of a signer.
function keySigner(pem) {
  const key = createPrivateKey(pem);
  const publicKey = createPublicKey(key);
  // Without a hint: it would become the envelope's keyid too, which Go's verifiers compare with an id of their own.
  const shown = { $case: 'publicKey', publicKey: publicKey.export({ format: 'pem', type: 'spki' }) };
  return { sign: async (data) => ({ signature: signWith('sha256', data, key), key: shown }) };
}

async function sign({ statement, token, key, fulcio, rekor, version, kind, tsa }) {
  const witnesses = [new RekorWitness({ rekorBaseURL: rekor, majorApiVersion: version, entryType: kind })];
  if (tsa) witnesses.push(new TSAWitness({ tsaBaseURL: tsa }));
  const identityProvider = { getToken: async () => token };
  const signer = key ? keySigner(key) : new FulcioSigner({ fulcioBaseURL: fulcio, identityProvider });
  const bundle = await new DSSEBundleBuilder({ signer, witnesses }).create({
    data: Buffer.from(statement),
    type: 'application/vnd.in-toto+json',
  });
  return JSON.stringify(bundleToJSON(bundle));
}

function verify({ bundle, trustedRoot, name, issuer, key }) {
  const finder = key && (() => ({ publicKey: createPublicKey(key), validFor: () => true }));
  const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(trustedRoot), finder));
  // It takes a string for a pattern, found anywhere in the name.
  const demanded = !key && {
    subjectAlternativeName: new RegExp(`^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`),
    extensions: { issuer },
  };
  verifier.verify(toSignedEntity(bundleFromJSON(bundle)), demanded || undefined);
}

function refusal(asked) {
  try {
    verify(asked);
    return '';
  } catch (error) {
    if (!(error instanceof PolicyError || error instanceof VerificationError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

const asked = JSON.parse(readFileSync(0, 'utf8'));
if (Array.isArray(asked)) console.log(JSON.stringify(asked.map(refusal)));
else if (!asked.bundle) console.log(await sign(asked));
else {
  const why = refusal(asked);
  if (why) console.log(why);
  process.exitCode = why ? 1 : 0;
}
