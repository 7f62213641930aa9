# How the CUDA plugin is built: node_cudnn_cuda.so, which the addon opens when a cuda device is asked for, and
# node_cudnn_probe, the small program that first looks whether there is one. Included by CMakeLists.txt; leaves
# CUDA_SKIPPED, the reason why there is no plugin, where there is none.

set(CUDNN_ROOT "$ENV{CUDNN_ROOT}" CACHE PATH "where cuDNN 9 (and cuBLASLt) are: a prefix, or a folder of pip's nvidia packages")
option(COVERAGE "count which lines of the plugin's C++ run; scripts/coverage-cuda.mjs reads it" OFF)
set(CUDA_ARCHITECTURES "" CACHE STRING "for CMAKE_CUDA_ARCHITECTURES; empty or default: all that the toolkit knows from sm_75 to sm_120, and PTX")

# ---- sources, by part ---------------------------------------------------------------------------------------------

set(CUDA_SOURCES  # the backend itself
  cpp/backends/cuda/backend.cpp
  cpp/backends/cuda/capture.cpp
  cpp/backends/cuda/check.cpp
  cpp/backends/cuda/code.cpp
  cpp/backends/cuda/engine.cpp
  cpp/backends/cuda/memory.cpp
  cpp/backends/cuda/plugin.cpp
  cpp/backends/cuda/transfer.cpp
)
set(CUDA_OP_SOURCES  # the prepare functions, and what they share
  cpp/backends/cuda/conv.cpp
  cpp/backends/cuda/elementwise.cpp
  cpp/backends/cuda/fault.cpp
  cpp/backends/cuda/fused.cpp
  cpp/backends/cuda/gemm.cpp
  cpp/backends/cuda/graph/autotune.cpp
  cpp/backends/cuda/graph/descriptor.cpp
  cpp/backends/cuda/graph/graph.cpp
  cpp/backends/cuda/graph/plan.cpp
  cpp/backends/cuda/index.cpp
  cpp/backends/cuda/linear.cpp
  cpp/backends/cuda/loss.cpp
  cpp/backends/cuda/norm.cpp
  cpp/backends/cuda/row_norm.cpp
  cpp/backends/cuda/adaptive_pool.cpp
  cpp/backends/cuda/plans/conv.cpp
  cpp/backends/cuda/plans/norm.cpp
  cpp/backends/cuda/plans/pool.cpp
  cpp/backends/cuda/pool.cpp
  cpp/backends/cuda/random.cpp
  cpp/backends/cuda/reduce.cpp
  cpp/backends/cuda/resample.cpp
  cpp/backends/cuda/shape.cpp
  cpp/backends/cuda/update.cpp
  cpp/ops/print.cpp
)
set(CUDA_KERNEL_SOURCES  # own kernels
  cpp/backends/cuda/kernels/architectures.cu
  cpp/backends/cuda/kernels/arg_reduce.cu
  cpp/backends/cuda/kernels/batch_norm.cu
  cpp/backends/cuda/kernels/batch_norm_backward.cu
  cpp/backends/cuda/kernels/bias.cu
  cpp/backends/cuda/kernels/binary.cu
  cpp/backends/cuda/kernels/cast.cu
  cpp/backends/cuda/kernels/chain.cu
  cpp/backends/cuda/kernels/clip.cu
  cpp/backends/cuda/kernels/concat.cu
  cpp/backends/cuda/kernels/conv.cu
  cpp/backends/cuda/kernels/copy.cu
  cpp/backends/cuda/kernels/index.cu
  cpp/backends/cuda/kernels/local_response.cu
  cpp/backends/cuda/kernels/loss.cu
  cpp/backends/cuda/kernels/max_pool.cu
  cpp/backends/cuda/kernels/mean_pool.cu
  cpp/backends/cuda/kernels/pad.cu
  cpp/backends/cuda/kernels/pair_loss.cu
  cpp/backends/cuda/kernels/permutation.cu
  cpp/backends/cuda/kernels/random.cu
  cpp/backends/cuda/kernels/reduce.cu
  cpp/backends/cuda/kernels/resample.cu
  cpp/backends/cuda/kernels/rows_norm.cu
  cpp/backends/cuda/kernels/softmax.cu
  cpp/backends/cuda/kernels/unary.cu
  cpp/backends/cuda/kernels/unpool.cu
  cpp/backends/cuda/kernels/update.cu
)

include(cmake/cuda_compiler.cmake)

# ---- what is there ------------------------------------------------------------------------------------------------

# Leaves CUDA_SKIPPED empty if everything was found.
macro(find_cuda)
  set(CUDA_SKIPPED "")
  find_nvcc(NVCC)
  if(NVCC)
    look_at_nvcc("${NVCC}")
  elseif(NOT "$ENV{CUDACXX}" STREQUAL "")
    set(CUDA_SKIPPED "CUDACXX=$ENV{CUDACXX} is no program (options for it go into CUDAFLAGS)")
  else()
    set(CUDA_SKIPPED "nvcc was not found (CUDA 12 or 13; CUDACXX names one that is not on the path)")
  endif()
  if(NOT CUDA_SKIPPED)
    find_cuda_libraries()
  endif()
  if(NOT CUDA_SKIPPED)
    set(CUDA_BUILT "${CUDA_ARCHITECTURES}")
    if(NOT CUDA_BUILT OR CUDA_BUILT STREQUAL "default")
      default_architectures(CUDA_BUILT)
    endif()
    choose_cuda_compiler("${NVCC}" "${CUDA_BUILT}")
  endif()
endmacro()

# The runtime, which is nvcc's own, and what may lie elsewhere: CUDNN_ROOT goes first, a conda environment last.
macro(find_cuda_libraries)
  # What an earlier run found may have been removed since, and the places may be others now.
  foreach(found CUDART_INCLUDE_DIR CUDART_LIBRARY CUDNN_INCLUDE_DIR CUDNN_LIBRARY CUBLASLT_INCLUDE_DIR CUBLASLT_LIBRARY NVRTC_LIBRARY)
    unset(${found} CACHE)
  endforeach()
  # pip's packages: nvidia/cudnn, and nvidia/cu13 or, for CUDA 12, nvidia/cublas and nvidia/cuda_nvrtc. conda's: targets/x86_64-linux
  set(folders targets/${CMAKE_SYSTEM_PROCESSOR}-linux targets/sbsa-linux)
  foreach(prefix "" nvidia/)
    list(APPEND folders ${prefix}cudnn ${prefix}cu${NVCC_MAJOR} ${prefix}cublas ${prefix}cuda_nvrtc)
  endforeach()
  set(includes include)
  set(libraries lib lib64)
  foreach(folder ${folders})
    list(APPEND includes ${folder}/include)
    list(APPEND libraries ${folder}/lib)
  endforeach()
  set(soname so.${NVCC_MAJOR})
  set(conda $ENV{CONDA_PREFIX})
  set(hints HINTS ${CUDNN_ROOT} ${NVCC_FOLDERS} ${conda})
  find_path(CUDART_INCLUDE_DIR cuda_runtime_api.h HINTS ${NVCC_FOLDERS} ${conda} PATH_SUFFIXES ${includes})
  find_path(CUDNN_INCLUDE_DIR cudnn.h ${hints} PATH_SUFFIXES ${includes})
  find_path(CUBLASLT_INCLUDE_DIR cublasLt.h ${hints} PATH_SUFFIXES ${includes})
  # pip's libraries have only the names that the loader asks for
  find_library(CUDART_LIBRARY NAMES libcudart.${soname} cudart HINTS ${NVCC_FOLDERS} ${conda} PATH_SUFFIXES ${libraries})
  find_library(CUDNN_LIBRARY NAMES libcudnn.so.9 cudnn ${hints} PATH_SUFFIXES ${libraries})
  find_library(CUBLASLT_LIBRARY NAMES libcublasLt.${soname} cublasLt ${hints} PATH_SUFFIXES ${libraries})
  find_library(NVRTC_LIBRARY NAMES libnvrtc.${soname} nvrtc ${hints} PATH_SUFFIXES ${libraries})
  defined_in(CUDNN_VERSION "${CUDNN_INCLUDE_DIR}/cudnn_version.h" "CUDNN_(MAJOR|MINOR|PATCHLEVEL)")
  defined_in(cudart "${CUDART_INCLUDE_DIR}/cuda_runtime_api.h" "CUDART_VERSION")
  defined_in(cublas "${CUBLASLT_INCLUDE_DIR}/cublas_api.h" "CUBLAS_VER_MAJOR")
  if(NOT CUDART_INCLUDE_DIR OR NOT CUDART_LIBRARY)
    list(JOIN NVCC_FOLDERS ", " places)
    set(CUDA_SKIPPED "cuda_runtime_api.h and libcudart, which belong to ${NVCC}, were not found (looked in ${places})")
  elseif(NOT cudart MATCHES "^${NVCC_MAJOR}0")
    set(CUDA_SKIPPED "the CUDA runtime is ${cudart} (${CUDART_INCLUDE_DIR}), but ${NVCC} is of CUDA ${NVCC_VERSION}")
  elseif(NOT CUDNN_INCLUDE_DIR OR NOT CUDNN_LIBRARY)
    set(CUDA_SKIPPED "cudnn.h and libcudnn were not found; say where with CUDNN_ROOT=…")
  elseif(NOT CUDNN_VERSION MATCHES "^9\\.")
    set(CUDA_SKIPPED "cuDNN is ${CUDNN_VERSION} (${CUDNN_INCLUDE_DIR}), expected 9")
  elseif(NOT CUBLASLT_INCLUDE_DIR OR NOT CUBLASLT_LIBRARY)
    set(CUDA_SKIPPED "cublasLt.h and libcublasLt were not found; install CUDA's cuBLAS, or say where with CUDNN_ROOT=…")
  elseif(NOT cublas EQUAL NVCC_MAJOR)
    set(CUDA_SKIPPED "cuBLASLt is of CUDA ${cublas} (${CUBLASLT_INCLUDE_DIR}), but ${NVCC} is of CUDA ${NVCC_VERSION}; say with CUDNN_ROOT=… where another is")
  endif()
endmacro()

# The numbers that a header defines under these names, in their order, with dots between; empty where it does not.
function(defined_in out header names)
  set(lines "")
  if(EXISTS "${header}")
    file(STRINGS "${header}" lines REGEX "^#define ${names} +[0-9]+")
  endif()
  string(REGEX MATCHALL " [0-9]+" numbers "${lines}")
  list(TRANSFORM numbers STRIP)
  list(JOIN numbers "." numbers)
  set(${out} "${numbers}" PARENT_SCOPE)
endfunction()

# The oldest architecture of each generation: newer ones of the same run its code. PTX serves all others, those to come and those whose generation is
# not here (Jetson). That of 8.0 is translated for every GPU from there on, where that of the newest would leave out what lies between; our kernels use
# nothing that came later. Each architecture takes 10 MB of the plugin, PTX 1 MB.
function(default_architectures out)
  set(list 75-real 80 86-real 89-real 90-real)
  if(NVCC_VERSION VERSION_GREATER_EQUAL 12.8)
    list(APPEND list 100-real 120-real)
  endif()
  set(${out} "${list}" PARENT_SCOPE)
endfunction()

# ---- the plugin and the probe -------------------------------------------------------------------------------------

macro(add_cuda_plugin)
  set(CMAKE_CUDA_ARCHITECTURES ${CUDA_BUILT})
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
  if(CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
  endif()
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc 12 and later take C++20
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  # for scripts/package.mjs
  set(CUDA_MAJOR ${NVCC_MAJOR} CACHE INTERNAL "the version of CUDA that the plugin is for")
  set(CUDA_BUILT_FOR "${CMAKE_CUDA_ARCHITECTURES}" CACHE INTERNAL "the architectures that the plugin is for")
  message(STATUS "CUDA: toolkit ${NVCC_VERSION} (${NVCC}), cuDNN ${CUDNN_VERSION} (${CUDNN_LIBRARY}), architectures ${CMAKE_CUDA_ARCHITECTURES}")

  add_library(node_cudnn_cuda SHARED ${CUDA_SOURCES} ${CUDA_OP_SOURCES} ${CUDA_KERNEL_SOURCES})
  add_executable(node_cudnn_probe cpp/backends/cuda/probe.cpp cpp/core/cuda_folder.cpp)
  set_source_files_properties(${CUDA_SOURCES} ${CUDA_OP_SOURCES} PROPERTIES COMPILE_OPTIONS "${STRICT}")
  # as STRICT: random numbers are the reference's to the last bit
  set_source_files_properties(cpp/backends/cuda/kernels/random.cu PROPERTIES COMPILE_OPTIONS "-fmad=false")
  set_target_properties(node_cudnn_cuda PROPERTIES PREFIX "" SUFFIX ".so" CXX_VISIBILITY_PRESET hidden CUDA_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON LINKER_LANGUAGE CXX)
  set_target_properties(node_cudnn_probe PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_LIBRARY_OUTPUT_DIRECTORY}")

  foreach(target node_cudnn_cuda node_cudnn_probe)
    target_include_directories(${target} PRIVATE cpp)
    target_include_directories(${target} SYSTEM PRIVATE ${CUDART_INCLUDE_DIR} ${CUDNN_INCLUDE_DIR} ${CUBLASLT_INCLUDE_DIR})
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wno-missing-field-initializers>
      "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:--expt-relaxed-constexpr -Xcompiler=-Wall,-Wextra,-Wno-missing-field-initializers>")
    if(WERROR)
      target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Werror>
        "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Werror=all-warnings -Xcompiler=-Werror>")
    endif()
    # Where the libraries were found, for whoever has set no LD_LIBRARY_PATH; that goes first.
    set(folders "")
    foreach(library ${CUDNN_LIBRARY} ${CUBLASLT_LIBRARY} ${CUDART_LIBRARY} ${NVRTC_LIBRARY})
      if(library)
        get_filename_component(folder ${library} DIRECTORY)
        list(APPEND folders ${folder})
      endif()
    endforeach()
    list(REMOVE_DUPLICATES folders)
    set_target_properties(${target} PROPERTIES BUILD_RPATH "${folders}")
    target_link_options(${target} PRIVATE -Wl,--enable-new-dtags $<$<NOT:$<BOOL:${SANITIZE}>>:-Wl,--no-undefined>)
    target_link_libraries(${target} PRIVATE ${CMAKE_DL_LIBS})
    target_link_options(${target} PRIVATE ${STATIC_CXX})
  endforeach()
  if(COVERAGE)
    target_compile_options(node_cudnn_cuda PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:--coverage;-O0>"
      "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Xcompiler=--coverage,-O0>")
    target_link_options(node_cudnn_cuda PRIVATE --coverage)
  endif()
  target_link_libraries(node_cudnn_cuda PRIVATE ${CUDART_LIBRARY} ${CUDNN_LIBRARY} ${CUBLASLT_LIBRARY})
endmacro()

find_cuda()
if(CUDA_SKIPPED)
  if(WITH_CUDA STREQUAL "ON")
    message(FATAL_ERROR "WITH_CUDA=ON, but ${CUDA_SKIPPED}")
  endif()
  message(STATUS "CUDA: no plugin will be built: ${CUDA_SKIPPED}")
else()
  add_cuda_plugin()
endif()
