#include "base/log.hpp"

#include <fmt/chrono.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/json_fields.hpp"

namespace latchkey {

namespace {

// Writes one JSON object per line. The message is escaped here because spdlog's patterns do not escape.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(message.time);
    auto micros = std::chrono::duration_cast<std::chrono::microseconds>(message.time - seconds).count();
    fmt::format_to(std::back_inserter(out), R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:06}Z","level":"{}","message":")",
                   fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), micros,
                   fmt::string_view(spdlog::level::to_string_view(message.level).data(),
                                    spdlog::level::to_string_view(message.level).size()));
    for (char c : std::string_view(message.payload.data(), message.payload.size())) append_escaped(c, out);
    fmt::format_to(std::back_inserter(out), "\"}}\n");
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }

 private:
  static void append_escaped(char c, spdlog::memory_buf_t& out) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
};

// Writes the message on one line ("%*" in a pattern): an untrusted text in it could otherwise forge log lines or
// control a terminal.
class OneLine final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    auto text = json_fields::clean_text({message.payload.data(), message.payload.size()}, message.payload.size() * 3);
    out.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<OneLine>(); }
};

}  // namespace

void configure_logging(LogFormat format, std::string_view level) {
  auto logger = spdlog::stderr_color_mt("latchkey");
  if (format == LogFormat::Json) {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<OneLine>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %*");
    logger->set_formatter(std::move(formatter));
  }
  auto parsed = spdlog::level::from_str(std::string(level));
  logger->set_level(parsed == spdlog::level::off && level != "off" ? spdlog::level::info : parsed);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace latchkey
