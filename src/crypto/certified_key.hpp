// Reads a private key and its certificate from PEM as people keep it: certificates in any order, in one file with the
// key or in two, with text between them. Only this code pairs them, so a mismatched pair fails here when it is read,
// and not later at the service that gets it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {

struct CertifiedKey {
  std::string certificate_pem;  // the certificate of private_key_pem
  std::string chain_pem;        // that one and then the others, each before its issuer
  SecretBytes private_key_pem;  // PKCS#8, without a passphrase
};

struct PemSource {
  std::string name;  // for error messages: "azure.certificate_file (/etc/latchkey/app.pem)"
  std::string_view text;
};

enum class KeyKind {
  Any,
  Rsa,  // the only kind that Entra ID takes in client certificates
};

// Where several certificates have the key, as after a renewal, the one that expires last is taken; where there are
// several keys, the first that has a certificate. Invalid, naming the sources and the cure, for a mismatched pair, a
// key with a passphrase, a key of another kind, and text that is damaged or not PEM. Both sources may be the same.
// Pure; thread-safe.
[[nodiscard]] Result<CertifiedKey> read_certified_key(const PemSource& certificates, const PemSource& private_key,
                                                      KeyKind kind);

}  // namespace latchkey::crypto
