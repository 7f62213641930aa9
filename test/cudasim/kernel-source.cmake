# FROM, a .cu file → TO, the same as C++: the block's dynamic shared memory is a pointer there.
file(READ ${FROM} text)
string(REGEX REPLACE "extern __shared__ ([^;]*[^; ]) +([A-Za-z_]+)\\[\\];" "auto* const \\2 = static_cast<\\1*>(::cudasim::dynamicShared());" text "${text}")
file(WRITE ${TO} "#line 1 \"${FROM}\"\n${text}")
