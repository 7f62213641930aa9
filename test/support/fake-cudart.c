/* A CUDA runtime with a driver as the test wants it: FAKE_STATUS is what looking for devices returns, FAKE_DRIVER the driver's version. */
#include <stdlib.h>

static int number(const char *name) {
  const char *value = getenv(name);
  return value ? atoi(value) : 0;
}

int cudaGetDeviceCount(int *count) {
  if (getenv("FAKE_CRASH")) abort();
  *count = number("FAKE_DEVICES");
  return number("FAKE_STATUS");
}
int cudaDriverGetVersion(int *version) {
  *version = number("FAKE_DRIVER");
  return 0;
}
const char *cudaGetErrorString(int status) {
  (void)status;
  return "unknown error";
}
