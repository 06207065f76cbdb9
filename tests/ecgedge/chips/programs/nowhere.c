/* Jumps to where no code is. */
#include "port.h"

int main(void)
{
    void (*volatile nowhere)(void) = (void (*)(void))(uintptr_t)0x7ffeu;
    nowhere();
    return 0;
}
