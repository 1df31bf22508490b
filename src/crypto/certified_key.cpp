#include "crypto/certified_key.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/openssl_handles.hpp"

namespace latchkey::crypto {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr char kDerSequence = 0x30;

Error refuse(std::string message) {
  ERR_clear_error();
  return Error{ErrorCode::Invalid, std::move(message)};
}

// One block of a PEM text.
class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    OPENSSL_free(name_);
    OPENSSL_free(header_);
    OPENSSL_clear_free(data_, static_cast<std::size_t>(size_));
  }
  bool read(BIO* bio) { return PEM_read_bio(bio, &name_, &header_, &data_, &size_) == 1; }

  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] bool is_encrypted() const {
    return name() == PEM_STRING_PKCS8 || std::string_view(header_).find("ENCRYPTED") != std::string_view::npos;
  }
  [[nodiscard]] X509Ptr certificate() const {
    const unsigned char* at = data_;
    return X509Ptr(name() == PEM_STRING_X509_TRUSTED ? d2i_X509_AUX(nullptr, &at, size_)
                                                     : d2i_X509(nullptr, &at, size_));
  }
  [[nodiscard]] PkeyPtr key() const {
    const unsigned char* at = data_;
    return PkeyPtr(d2i_AutoPrivateKey(nullptr, &at, size_));
  }

 private:
  char* name_ = nullptr;
  char* header_ = nullptr;
  unsigned char* data_ = nullptr;
  long size_ = 0;
};

struct Bundle {
  std::vector<X509Ptr> certificates;
  std::vector<PkeyPtr> keys;
  bool has_encrypted_key = false;
};

Result<void> take(const Block& block, const std::string& source, Bundle& bundle) {
  auto name = block.name();
  if (name == PEM_STRING_X509 || name == PEM_STRING_X509_OLD || name == PEM_STRING_X509_TRUSTED) {
    bundle.certificates.push_back(block.certificate());
    if (!bundle.certificates.back()) return refuse(fmt::format("{}: a certificate in it cannot be read", source));
  } else if (name.ends_with("PRIVATE KEY")) {
    if (block.is_encrypted()) {
      bundle.has_encrypted_key = true;
      return success();
    }
    bundle.keys.push_back(block.key());
    if (!bundle.keys.back()) return refuse(fmt::format("{}: a private key in it cannot be read", source));
  }
  return success();
}

Result<Bundle> read_bundle(const PemSource& source) {
  auto text = source.text;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.starts_with(kDerSequence)) {
    return refuse(
        fmt::format("{} is not PEM but binary. Convert it: `openssl pkcs12 -in FILE -nodes -out FILE.pem` where it is "
                    "PKCS#12 (.pfx, "
                    ".p12), `openssl x509 -inform der -in FILE -out FILE.pem` where it is a certificate alone",
                    source.name));
  }
  Bundle bundle;
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  for (;;) {
    Block block;
    if (!bio || !block.read(bio.get())) break;
    LATCHKEY_TRYV(take(block, source.name, bundle));
  }
  bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) return refuse(fmt::format("{}: a PEM block in it is damaged or cut off", source.name));
  return bundle;
}

struct Pair {
  const EVP_PKEY* key = nullptr;
  X509* leaf = nullptr;
};

bool lasts_longer(const X509* a, const X509* b) {
  return ASN1_TIME_compare(X509_get0_notAfter(a), X509_get0_notAfter(b)) > 0;
}

Pair find_pair(const std::vector<X509Ptr>& certificates, const std::vector<PkeyPtr>& keys) {
  Pair pair;
  for (const auto& key : keys) {
    for (const auto& certificate : certificates) {
      if (X509_check_private_key(certificate.get(), key.get()) != 1) continue;
      if (pair.leaf == nullptr || lasts_longer(certificate.get(), pair.leaf)) pair = {key.get(), certificate.get()};
    }
    if (pair.leaf != nullptr) break;
  }
  ERR_clear_error();
  return pair;
}

// Orders the leaf, then issuer after issuer, then the rest, which may form another way to a root.
std::vector<X509*> in_order(const std::vector<X509Ptr>& certificates, X509* leaf) {
  std::vector<X509*> ordered{leaf};
  std::vector<X509*> rest;
  for (const auto& certificate : certificates) {
    bool is_of_the_key = EVP_PKEY_eq(X509_get0_pubkey(certificate.get()), X509_get0_pubkey(leaf)) == 1;
    if (!is_of_the_key) rest.push_back(certificate.get());
  }
  for (;;) {
    auto issued = [&](X509* other) { return X509_check_issued(other, ordered.back()) == X509_V_OK; };
    auto issuer = std::find_if(rest.begin(), rest.end(), issued);
    if (issuer == rest.end()) break;
    ordered.push_back(*issuer);
    rest.erase(issuer);
  }
  ordered.insert(ordered.end(), rest.begin(), rest.end());
  ERR_clear_error();
  return ordered;
}

std::string_view contents(BIO* bio) {
  char* data = nullptr;
  auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<std::string> to_pem(std::span<X509* const> certificates) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  for (auto* certificate : certificates) {
    if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) return openssl_error("writing a certificate");
  }
  return std::string(contents(bio.get()));
}

Result<SecretBytes> to_pem(const EVP_PKEY* key) {
  BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error("writing a private key");
  }
  return SecretBytes(as_bytes(contents(bio.get())));
}

Error without_certificate(const PemSource& source, const Bundle& bundle) {
  bool has_key = !bundle.keys.empty() || bundle.has_encrypted_key;
  return refuse(fmt::format("{} holds no certificate in PEM (BEGIN CERTIFICATE){}", source.name,
                            has_key ? ", but a private key: are the two files exchanged?" : ""));
}

Error without_key(const PemSource& source, const Bundle& bundle) {
  if (bundle.has_encrypted_key) {
    return refuse(
        fmt::format("{}: the private key has a passphrase, and nobody is asked for one here. Write it without: "
                    "`openssl pkey -in FILE -out NEWFILE`, readable by this service's user alone",
                    source.name));
  }
  return refuse(fmt::format("{} holds no private key in PEM (BEGIN PRIVATE KEY){}", source.name,
                            bundle.certificates.empty() ? "" : ", but a certificate: are the two files exchanged?"));
}

}  // namespace

Result<CertifiedKey> read_certified_key(const PemSource& certificates, const PemSource& private_key, KeyKind kind) {
  LATCHKEY_TRY(auto certified, read_bundle(certificates));
  LATCHKEY_TRY(auto secret, read_bundle(private_key));
  if (certified.certificates.empty()) return without_certificate(certificates, certified);
  if (secret.keys.empty()) return without_key(private_key, secret);
  auto pair = find_pair(certified.certificates, secret.keys);
  if (pair.leaf == nullptr && secret.has_encrypted_key) return without_key(private_key, secret);
  if (pair.leaf == nullptr) {
    return refuse(fmt::format(
        "the private key of {} is not the key of {} in {}: give the two that were made together", private_key.name,
        certified.certificates.size() == 1 ? "the certificate" : "any of the certificates", certificates.name));
  }
  if (kind == KeyKind::Rsa && EVP_PKEY_get_base_id(pair.key) != EVP_PKEY_RSA) {
    return refuse(
        fmt::format("{}: the private key is {} and not RSA, which is what Entra ID takes. Make an RSA key with a "
                    "certificate of it, and upload that to the app",
                    private_key.name, EVP_PKEY_get0_type_name(pair.key)));
  }
  CertifiedKey made;
  LATCHKEY_TRY(made.certificate_pem, to_pem(std::span(&pair.leaf, 1)));
  LATCHKEY_TRY(made.chain_pem, to_pem(in_order(certified.certificates, pair.leaf)));
  LATCHKEY_TRY(made.private_key_pem, to_pem(pair.key));
  return made;
}

}  // namespace latchkey::crypto
