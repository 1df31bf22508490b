#include "crypto/ec.hpp"

#include <array>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include "crypto/openssl_handles.hpp"

namespace latchkey::crypto {

namespace {

struct Curve {
  std::string_view name;
  const char* group;  // OpenSSL's name
  std::size_t field_size;
};
constexpr std::array<Curve, 4> kCurves = {
    {{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}, {"P-256K", "secp256k1", 32}}};

using SignaturePtr = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;

const Curve* find_curve(std::string_view name) {
  for (const auto& curve : kCurves) {
    if (curve.name == name) return &curve;
  }
  return nullptr;
}

const Curve* curve_of(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  std::size_t length = 0;
  if (EVP_PKEY_is_a(key, "EC") != 1 || EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) != 1) {
    return nullptr;
  }
  for (const auto& curve : kCurves) {
    if (std::string_view(group.data(), length) == curve.group) return &curve;
  }
  return nullptr;
}

Error unknown_curve(std::string_view name) {
  return {ErrorCode::Invalid, fmt::format("{} is not one of the curves P-256, P-384, P-521 and P-256K", name)};
}

Result<Bytes> coordinate(const EVP_PKEY* key, const char* name, std::size_t size) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return openssl_error("reading the point of an EC key");
  BnPtr number(raw);
  Bytes bytes(size);
  if (BN_bn2binpad(number.get(), bytes.data(), static_cast<int>(size)) < 0) {
    return openssl_error("reading the point of an EC key");
  }
  return bytes;
}

// Returns 04 ‖ x ‖ y (SEC 1 section 2.3.3), or nothing where a coordinate is too long.
Bytes uncompressed_point(const Curve& curve, const EcCoordinates& coordinates) {
  constexpr std::uint8_t kUncompressed = 4;
  if (coordinates.x.size() > curve.field_size || coordinates.y.size() > curve.field_size) return {};
  Bytes point(1 + 2 * curve.field_size);
  point[0] = kUncompressed;
  auto place = [&](ByteView number, std::size_t end) {
    std::copy(number.begin(), number.end(), point.begin() + static_cast<std::ptrdiff_t>(end - number.size()));
  };
  place(coordinates.x, 1 + curve.field_size);
  place(coordinates.y, 1 + 2 * curve.field_size);
  return point;
}

}  // namespace

EcKey::EcKey(std::shared_ptr<evp_pkey_st> key, std::string_view curve, Bytes x, Bytes y)
    : key_(std::move(key)), curve_(curve), x_(std::move(x)), y_(std::move(y)) {}

Result<EcKey> EcKey::from_handle(evp_pkey_st* key) {
  const auto* curve = curve_of(key);
  if (curve == nullptr) return unknown_curve("the key's curve");
  LATCHKEY_TRY(auto x, coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, curve->field_size));
  LATCHKEY_TRY(auto y, coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, curve->field_size));
  EVP_PKEY_up_ref(key);
  return EcKey(std::shared_ptr<evp_pkey_st>(key, EVP_PKEY_free), curve->name, std::move(x), std::move(y));
}

Result<EcKey> EcKey::generate(std::string_view name) {
  const auto* curve = find_curve(name);
  if (curve == nullptr) return unknown_curve(name);
  PkeyPtr key(EVP_EC_gen(curve->group));
  if (!key) return openssl_error("generating an EC key");
  return from_handle(key.get());
}

Result<EcKey> EcKey::from_pem(std::string_view pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Without a callback OpenSSL would ask the terminal for the passphrase of an encrypted key.
  auto no_passphrase = [](char*, int, int, void*) { return -1; };
  PkeyPtr key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key) {
    static_cast<void>(openssl_error(""));  // empties the error queue
    return Error{ErrorCode::Invalid, "not a private key in PEM without a passphrase"};
  }
  return from_handle(key.get());
}

Result<EcKey> EcKey::from_coordinates(std::string_view name, const EcCoordinates& coordinates) {
  const auto* curve = find_curve(name);
  if (curve == nullptr) return unknown_curve(name);
  auto refuse = [] {
    static_cast<void>(openssl_error(""));
    return Error{ErrorCode::Invalid,
                 "the numbers are not an EC key of this curve: d must be the private number of x, y"};
  };
  auto point = uncompressed_point(*curve, coordinates);
  if (point.empty() || coordinates.d.empty() || coordinates.d.size() > curve->field_size) return refuse();
  BnPtr d(BN_bin2bn(coordinates.d.data(), static_cast<int>(coordinates.d.size()), nullptr));
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  bool built =
      d && builder &&
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) == 1 &&
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1 &&
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, d.get()) == 1;
  ParamsPtr params(built ? OSSL_PARAM_BLD_to_param(builder.get()) : nullptr);
  KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* raw = nullptr;
  bool made = context && params && EVP_PKEY_fromdata_init(context.get()) == 1 &&
              EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_KEYPAIR, params.get()) == 1;
  PkeyPtr key(raw);
  if (!made) return refuse();
  KeyContextPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!check || EVP_PKEY_check(check.get()) != 1) return refuse();
  return from_handle(key.get());
}

Result<SecretBytes> EcKey::private_pem() const {
  BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error("writing an EC key");
  }
  char* data = nullptr;
  auto size = BIO_get_mem_data(bio.get(), &data);
  return SecretBytes(ByteView(reinterpret_cast<std::uint8_t*>(data), static_cast<std::size_t>(size)));
}

Result<Bytes> EcKey::sign_digest(ByteView digest) const {
  KeyContextPtr context(EVP_PKEY_CTX_new(key_.get(), nullptr));
  Bytes der(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())));
  auto size = der.size();
  bool done = context && EVP_PKEY_sign_init(context.get()) == 1 &&
              EVP_PKEY_sign(context.get(), der.data(), &size, digest.data(), digest.size()) == 1;
  if (!done) return openssl_error("ECDSA signing");
  const auto* begin = der.data();
  SignaturePtr signature(d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(size)));
  Bytes out(2 * x_.size());
  auto field = static_cast<int>(x_.size());
  bool written = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out.data(), field) == field &&
                 BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out.data() + field, field) == field;
  if (!written) return openssl_error("ECDSA signing");
  return out;
}

bool EcKey::verify_digest(ByteView digest, ByteView signature) const {
  if (signature.size() != 2 * x_.size()) return false;
  auto field = static_cast<int>(x_.size());
  BnPtr r(BN_bin2bn(signature.data(), field, nullptr));
  BnPtr s(BN_bin2bn(signature.data() + field, field, nullptr));
  SignaturePtr parts(ECDSA_SIG_new());
  if (!r || !s || !parts || ECDSA_SIG_set0(parts.get(), r.get(), s.get()) != 1) return false;
  // The signature owns them now.
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  auto size = i2d_ECDSA_SIG(parts.get(), &der);
  if (size <= 0) return false;
  KeyContextPtr context(EVP_PKEY_CTX_new(key_.get(), nullptr));
  bool fits = context && EVP_PKEY_verify_init(context.get()) == 1 &&
              EVP_PKEY_verify(context.get(), der, static_cast<std::size_t>(size), digest.data(), digest.size()) == 1;
  OPENSSL_free(der);
  if (!fits) static_cast<void>(openssl_error(""));
  return fits;
}

}  // namespace latchkey::crypto
