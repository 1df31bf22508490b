// A certificate authority made for one test, and the certificates that it signs. It uses OpenSSL directly, because
// http/ stands below crypto/. Test code only.
#pragma once

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "http/server.hpp"

namespace latchkey::http::testing {

class TestAuthority {
 public:
  TestAuthority() : key_(new_key()) { certificate_ = sign(key_.get(), "test authority", "", -kHour, kHour); }

  // `names` are in OpenSSL's form: "DNS:a.example,IP:127.0.0.1". The times are seconds from now.
  [[nodiscard]] TlsFiles issue(const std::string& names, long from = -kHour, long until = kHour) const {
    auto key = new_key();
    auto certificate = sign(key.get(), "leaf", names, from, until);
    return TlsFiles{pem([&](BIO* out) { PEM_write_bio_X509(out, certificate.get()); }), pem([&](BIO* out) {
                      PEM_write_bio_PKCS8PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
                    })};
  }
  [[nodiscard]] std::string certificate_pem() const {
    return pem([&](BIO* out) { PEM_write_bio_X509(out, certificate_.get()); });
  }

 private:
  static constexpr long kHour = 3600;
  using Key = std::shared_ptr<EVP_PKEY>;
  using Certificate = std::shared_ptr<X509>;

  static Key new_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

  template <class Write>
  static std::string pem(Write write) {
    std::unique_ptr<BIO, decltype(&BIO_free_all)> out(BIO_new(BIO_s_mem()), BIO_free_all);
    write(out.get());
    char* data = nullptr;
    auto size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }

  // The authority signs it; the first certificate, the authority's own, is self-signed.
  Certificate sign(EVP_PKEY* key, const char* name, const std::string& names, long from, long until) const {
    Certificate made(X509_new(), X509_free);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), certificate_ ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), from);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), until);
    X509_set_pubkey(made.get(), key);
    auto* subject = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(made.get(), certificate_ ? X509_get_subject_name(certificate_.get()) : subject);
    extend(made.get(), NID_basic_constraints, certificate_ ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (!names.empty()) extend(made.get(), NID_subject_alt_name, names.c_str());
    X509_sign(made.get(), key_.get(), EVP_sha256());
    return made;
  }

  static void extend(X509* certificate, int kind, const char* value) {
    auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
    ASSERT_NE(extension, nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  Key key_;
  Certificate certificate_;
};

// A file of the test, removed on destruction.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& content) : path_(::testing::TempDir() + "latchkey-http-XXXXXX") {
    int file = ::mkstemp(path_.data());
    EXPECT_GE(file, 0);
    ::close(file);
    std::ofstream(path_) << content;
  }
  ~ScratchFile() { std::remove(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace latchkey::http::testing
