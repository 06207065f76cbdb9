"""Writers: a program in other people's formats, with equality as the only tolerance."""
