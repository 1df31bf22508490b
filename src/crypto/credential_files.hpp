// Credentials in files that settings name. They are read at the start, so that what cannot work is refused then, with
// the setting's name in front.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "crypto/certified_key.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {

struct FileSetting {
  std::string name;  // "metrics.token_file"
  std::string path;
};

// `error` under the name of the setting that it is about.
[[nodiscard]] Error in_setting(std::string_view setting, const Error& error);

// A secret without the line's end; null where no file is set. Invalid where the file is empty.
[[nodiscard]] Result<std::shared_ptr<const SecretBytes>> read_secret_file(const FileSetting& setting);
// As read_certified_key. Both may be one file.
[[nodiscard]] Result<CertifiedKey> read_certified_key_files(const FileSetting& certificate, const FileSetting& key,
                                                            KeyKind kind);

}  // namespace latchkey::crypto
