// A story told on the terminal: its steps, the calls that each step makes, and the responses.
#pragma once

#include <string>
#include <string_view>

namespace latchkey::dev {

class Transcript {
 public:
  // "3  Grant the app access to the key", and a line or two on why.
  void step(std::string_view number, std::string_view title, std::string_view why);
  // "POST https://host/path", with the body where it has one that people may see.
  void call(std::string_view method, std::string_view url, std::string_view body = {});
  // "200  what came back"; green below 400, red from there.
  void response(unsigned status, std::string_view what);
  // A response of 400 and above that the story wants: a refusal at work.
  void refusal(unsigned status, std::string_view what);
  void check(bool good, std::string_view what);
  void note(std::string_view text);
};

// Text for one line: cut at `limit`, line breaks as spaces.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t limit = 160);

}  // namespace latchkey::dev
