#include "crypto/certificate.hpp"

#include <algorithm>

#include <boost/algorithm/string/join.hpp>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/openssl_handles.hpp"

namespace latchkey::crypto {

namespace {

using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, Deleter<ASN1_INTEGER_free>>;

constexpr std::size_t kSerialSize = 16;
constexpr long kVersion3 = 2;

bool set_time(ASN1_TIME* field, Timestamp time) {
  auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return ASN1_TIME_set(field, static_cast<time_t>(seconds)) != nullptr;
}

bool set_serial(X509* certificate, RandomSource& random) {
  std::array<std::uint8_t, kSerialSize> bytes;
  random.fill(bytes);
  bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x3f) | 0x40);  // a positive integer of fixed length
  BnPtr number(BN_bin2bn(bytes.data(), kSerialSize, nullptr));
  IntegerPtr serial(BN_to_ASN1_INTEGER(number.get(), nullptr));
  return serial && X509_set_serialNumber(certificate, serial.get()) == 1;
}

bool set_name(X509_NAME* name, const std::string& common_name) {
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

std::string alternative_names(const CertificateRequest& request) {
  std::vector<std::string> names;
  for (const auto& name : request.dns_names) names.push_back("DNS:" + name);
  for (const auto& address : request.ip_addresses) names.push_back("IP:" + address);
  return boost::join(names, ",");
}

// Makes a certificate that still lacks extensions and signature.
Result<X509Ptr> draft(const RsaKey& key, const CertificateRequest& request, RandomSource& random) {
  X509Ptr certificate(X509_new());
  bool made = certificate && X509_set_version(certificate.get(), kVersion3) == 1 &&
              set_serial(certificate.get(), random) &&
              set_time(X509_getm_notBefore(certificate.get()), request.not_before) &&
              set_time(X509_getm_notAfter(certificate.get()), request.not_after) &&
              set_name(X509_get_subject_name(certificate.get()), request.common_name) &&
              X509_set_pubkey(certificate.get(), key.handle()) == 1;
  if (!made) return openssl_error("making a certificate");
  return certificate;
}

Result<std::string> sign(X509* certificate, const RsaKey& key) {
  if (X509_sign(certificate, key.handle(), EVP_sha256()) == 0) return openssl_error("signing a certificate");
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) return openssl_error("writing a certificate");
  char* data = nullptr;
  auto size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<X509Ptr> parse(std::string_view pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) {
    static_cast<void>(openssl_error(""));
    return Error{ErrorCode::Invalid, "no certificate in PEM (BEGIN CERTIFICATE)"};
  }
  return certificate;
}

Timestamp time_of(const ASN1_TIME* field) {
  std::tm parts{};
  ASN1_TIME_to_tm(field, &parts);
  return Timestamp(std::chrono::seconds(timegm(&parts)));
}

}  // namespace

Result<std::string> make_ca_certificate(const RsaKey& key, const CertificateRequest& request, RandomSource& random) {
  LATCHKEY_TRY(auto certificate, draft(key, request, random));
  auto* raw = certificate.get();
  bool made = X509_set_issuer_name(raw, X509_get_subject_name(raw)) == 1 &&
              add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              add_extension(raw, raw, NID_subject_key_identifier, "hash");
  if (!made) return openssl_error("making a CA certificate");
  return sign(raw, key);
}

Result<std::string> make_server_certificate(const RsaKey& ca_key, std::string_view ca_certificate_pem,
                                            const RsaKey& key, const CertificateRequest& request,
                                            RandomSource& random) {
  LATCHKEY_TRY(auto issuer, parse(ca_certificate_pem));
  LATCHKEY_TRY(auto certificate, draft(key, request, random));
  auto* raw = certificate.get();
  bool made = X509_set_issuer_name(raw, X509_get_subject_name(issuer.get())) == 1 &&
              add_extension(raw, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") &&
              add_extension(raw, issuer.get(), NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
              add_extension(raw, issuer.get(), NID_ext_key_usage, "serverAuth") &&
              add_extension(raw, issuer.get(), NID_subject_key_identifier, "hash") &&
              add_extension(raw, issuer.get(), NID_authority_key_identifier, "keyid:always") &&
              add_extension(raw, issuer.get(), NID_subject_alt_name, alternative_names(request));
  if (!made) return openssl_error("making a server certificate");
  return sign(raw, ca_key);
}

Result<std::string> make_self_signed_certificate(const RsaKey& key, const CertificateRequest& request,
                                                 RandomSource& random) {
  LATCHKEY_TRY(auto certificate, draft(key, request, random));
  auto* raw = certificate.get();
  bool made = X509_set_issuer_name(raw, X509_get_subject_name(raw)) == 1 &&
              add_extension(raw, raw, NID_key_usage, "critical,digitalSignature");
  if (!made) return openssl_error("making a certificate");
  return sign(raw, key);
}

Result<CertificateInfo> read_certificate(std::string_view pem) {
  LATCHKEY_TRY(auto certificate, parse(pem));
  auto* key = X509_get0_pubkey(certificate.get());
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
    return Error{ErrorCode::Invalid, "the certificate's key is not RSA"};
  }
  unsigned char* der = nullptr;
  int size = i2d_X509(certificate.get(), &der);
  if (size <= 0) return openssl_error("encoding a certificate");
  ByteView bytes(der, static_cast<std::size_t>(size));
  CertificateInfo info{RsaKey::from_handle(key), time_of(X509_get0_notBefore(certificate.get())),
                       time_of(X509_get0_notAfter(certificate.get())), sha1(bytes), sha256(bytes)};
  OPENSSL_free(der);
  return info;
}

}  // namespace latchkey::crypto
