#!/bin/sh
# Is the note saved? Ends with 0 if the file holds exactly the text, with 1 if it does not or is not there, and with 2 if that
# cannot be told. For `verify`: an agent that shall answer is run with `--allow-exec note-is=/path/to/note-is.sh`.
#
# note-is <path> <text>
[ $# -eq 2 ] || exit 2
printf %s "$2" | cmp -s - "$1"
case $? in
0) exit 0 ;;
1) exit 1 ;;
esac
# cmp says of a file that is not there what it says of one that it may not read.
[ -x "$(dirname "$1")" ] && [ ! -e "$1" ] && [ ! -L "$1" ] && exit 1
exit 2
