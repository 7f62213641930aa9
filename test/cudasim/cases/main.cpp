// cases --list: name, tab, expected sentence, tab, whether it is deadly. cases NAME: runs one; 0 if the simulator did
// as expected.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cases.hpp"

namespace cases {

std::vector<Case>& all() {
  static std::vector<Case> list;
  return list;
}

bool add(Case each) {
  all().push_back(std::move(each));
  return true;
}

void require(bool isTrue, const char* what) {
  if (isTrue) return;
  std::printf("not so: %s (last violation: %s)\n", what, cudasim_last_violation());
  std::exit(3);
}

float* deviceFloats(int count) {
  void* memory = nullptr;
  OK(cudaMalloc(&memory, static_cast<std::size_t>(count) * sizeof(float)));
  return static_cast<float*>(memory);
}

void upload(float* x, const std::vector<float>& values) {
  OK(cudaMemcpy(x, values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice));
}

std::vector<float> download(const float* x, int count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  OK(cudaMemcpy(values.data(), x, values.size() * sizeof(float), cudaMemcpyDeviceToHost));
  return values;
}

}  // namespace cases

int main(int count, char** arguments) {
  using namespace cases;
  std::string folder = arguments[0];
  folder = folder.substr(0, folder.rfind('/') + 1);
  setenv("CUDASIM_KERNELS", (folder + "lib/libcudasim_case_kernels.so").c_str(), 0);
  setenv("CUDASIM_MEMORY", "67108864", 0);
  std::string wanted = count > 1 ? arguments[1] : "--list";
  for (const Case& each : all()) {
    if (wanted == "--list")
      std::printf("%s\t%s\t%s\n", each.name.c_str(), each.expected.c_str(), each.isDeadly ? "deadly" : "");
    if (wanted != each.name) continue;
    each.run();
    std::string report = cudasim_report();
    bool isSilent = cudasim_violations() == 0;
    bool isSaid = !each.expected.empty() && report.find(each.expected) != std::string::npos;
    if (each.expected.empty() ? isSilent : isSaid && !each.isDeadly) return 0;
    std::printf("expected: %s\n%s\n", each.expected.empty() ? "no violation" : each.expected.c_str(), report.c_str());
    return 1;
  }
  return wanted == "--list" ? 0 : 2;
}
