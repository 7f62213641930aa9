# The libraries of the cpu backend, node_cudnn_cpu_<level>.so: the same sources with other instructions. The addon opens the best that its processor
# has (cpp/core/cpu_plugin.cpp). Included by CMakeLists.txt; leaves CPU_PLUGINS, the targets.

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(levels v2 v3 v4 v4bf16)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(levels armv8)
else()
  set(levels generic)
endif()

set(flags_v2 -march=x86-64-v2)
set(flags_v3 -march=x86-64-v3)
# Intel's processors with AVX-512 and without bfloat16 slow their clock for 512-bit arithmetic; those with both do not, nor AMD's. Loops that are
# written with vectors of 16 floats (products, Winograd) use all 512 bits in both.
set(flags_v4 -march=x86-64-v4 -mprefer-vector-width=256)
set(flags_v4bf16 -march=x86-64-v4 -mavx512vnni -mavx512bf16 -mprefer-vector-width=512)
set(flags_armv8 "")
set(flags_generic "")

# What the compiler would take for this machine tells which levels that has.
function(find_own_levels out)
  list(GET levels 0 own)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL CMAKE_HOST_SYSTEM_PROCESSOR AND "v3" IN_LIST levels)
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -march=native -dM -E -x c++ /dev/null OUTPUT_VARIABLE macros ERROR_QUIET)
    if(macros MATCHES "__AVX512BF16__" AND macros MATCHES "__AVX512VNNI__")
      list(APPEND own v4bf16)
    elseif(macros MATCHES "__AVX512BW__" AND macros MATCHES "__AVX512VL__")
      list(APPEND own v4)
    elseif(macros MATCHES "__AVX2__" AND macros MATCHES "__FMA__")
      list(APPEND own v3)
    endif()
  endif()
  set(${out} ${own} PARENT_SCOPE)
endfunction()

if(CPU_LEVELS STREQUAL "all")
  set(wanted ${levels})
elseif(CPU_LEVELS STREQUAL "own")
  find_own_levels(wanted)
else()
  string(REPLACE "," ";" wanted "${CPU_LEVELS}")
endif()
foreach(level ${wanted})
  if(NOT level IN_LIST levels)
    list(JOIN levels ", " known)
    message(FATAL_ERROR "CPU_LEVELS: '${level}' is no level of ${CMAKE_SYSTEM_PROCESSOR}, expected all, own, or some of ${known}")
  endif()
endforeach()

list(JOIN wanted ", " chosen)
message(STATUS "cpu device: levels ${chosen}")

# Its functions return vectors of 8 floats, which differs between compilers where vectors are shorter; they are all of this file, and GCC says so
# at its end, where simd.hpp's pragma does not reach.
set_property(SOURCE cpp/backends/cpu/winograd.cpp APPEND PROPERTY COMPILE_OPTIONS -Wno-psabi)

set(CPU_PLUGINS "")
foreach(level ${levels})
  set(target node_cudnn_cpu_${level})
  if(NOT level IN_LIST wanted)
    # what an earlier build left would not fit this one
    file(REMOVE ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/${target}.so)
    continue()
  endif()
  add_library(${target} SHARED)
  set_up(${target})
  target_link_libraries(${target} PRIVATE node_cudnn_cpu)
  target_compile_options(${target} PRIVATE ${flags_${level}})
  target_compile_definitions(${target} PRIVATE CNN_CPU_LEVEL="${level}")
  set_target_properties(${target} PROPERTIES SUFFIX ".so")
  if(NOT APPLE)
    # It exports the calls that it is opened by, and those that it answers for OpenMP; templates of the C++ library stay its own.
    set(exports ${CMAKE_SOURCE_DIR}/cmake/cpu-exports.map)
    target_link_options(${target} PRIVATE -Wl,--version-script=${exports} -Wl,-z,now -Wl,--disable-new-dtags $<$<NOT:$<BOOL:${SANITIZE}>>:-Wl,--no-undefined>)
    set_target_properties(${target} PROPERTIES LINK_DEPENDS ${exports})
  endif()
  list(APPEND CPU_PLUGINS ${target})
endforeach()
