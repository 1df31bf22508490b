// Encrypts and decrypts a record and a stream in this process. It reads LATCHKEY_URL, LATCHKEY_WORKSPACE_KEY and
// LATCHKEY_WORKSPACE_ID from the environment, as `latchkey dev` writes them to dev.env.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <latchkey/client.hpp>

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int fail(const latchkey::Failure& failure) {
  std::cerr << failure.reason << ": " << failure.message << '\n';
  return failure.kind == latchkey::FailureKind::Refused ? 3 : 1;
}

}  // namespace

int main() {
  auto client = latchkey::Client::create({variable("LATCHKEY_URL"), variable("LATCHKEY_WORKSPACE_KEY"), ""});
  if (!client) return fail(client.failure());
  auto workspace = client.value().workspace(variable("LATCHKEY_WORKSPACE_ID"));

  const std::string text = "4111 1111 1111 1111";
  const latchkey::DataContext context{{"table", "cards"}, {"row", "7"}};
  const std::vector<std::uint8_t> plaintext(text.begin(), text.end());
  auto record = workspace.encrypt(plaintext, context);
  if (!record) return fail(record.failure());
  auto opened = workspace.decrypt(record.value(), context);
  if (!opened) return fail(opened.failure());
  if (opened.value() != plaintext) return 2;
  auto elsewhere = workspace.decrypt(record.value(), {{"table", "cards"}, {"row", "8"}});
  if (elsewhere || elsewhere.failure().kind != latchkey::FailureKind::Corrupt) return 2;

  std::vector<std::uint8_t> stream;
  auto output = [&stream](latchkey::ByteSpan bytes) -> latchkey::Done {
    stream.insert(stream.end(), bytes.begin(), bytes.end());
    return std::monostate();
  };
  auto writer = workspace.new_stream(output, context, 2);
  if (!writer) return fail(writer.failure());
  const std::vector<std::uint8_t> piece(100'000, 7);
  for (int i = 0; i < 20; ++i) {
    if (auto written = writer.value().write(piece); !written) return fail(written.failure());
  }
  if (auto finished = writer.value().finish(); !finished) return fail(finished.failure());
  auto input = [&stream](std::uint64_t offset, latchkey::MutableByteSpan out) -> latchkey::Done {
    std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return std::monostate();
  };
  auto reader = workspace.open_stream(stream.size(), input, context);
  if (!reader) return fail(reader.failure());
  std::vector<std::uint8_t> part(1000);
  auto read = reader.value().read(reader.value().size() - 500, part);
  if (!read) return fail(read.failure());
  if (read.value() != 500 || part[499] != 7 || part[500] != 0) return 2;

  std::cout << "a record of " << record.value().size() << " bytes, a stream of " << stream.size() << '\n';
  return 0;
}
