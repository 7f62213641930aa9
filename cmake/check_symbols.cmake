# Run after the addon is linked: a shape rule, a gradient or a reference kernel that is declared for an op and nowhere defined is an error of the build, in a
# sentence. The linker says nothing, since Node itself provides what else the addon lacks; a program would end when it first calls it.
execute_process(COMMAND ${NM} -D -u -C ${FILE} OUTPUT_VARIABLE undefined RESULT_VARIABLE status)
string(REGEX MATCHALL "cnn::[^\n]+" missing "${undefined}")
if(status EQUAL 0 AND missing)
  list(JOIN missing "\n  " missing)
  file(REMOVE ${FILE})
  message(FATAL_ERROR "declared and not defined:\n  ${missing}")
endif()
