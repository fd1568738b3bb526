#!/usr/bin/env bash
# Make the book that of the repository it was pushed to: stamp that address, commit and push it, and
# set the tag of the version, which the notebooks' first cells fetch. Twice does no more than once.
#     tools/adopt.sh https://github.com/OWNER/NAME
# In a workflow the outputs `stamped` and `tag` say what was new.
set -euo pipefail
cd "$(dirname "$0")/.."

python3 tools/repository.py "$1"
tag=v$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' aebook/__init__.py)
outputs=${GITHUB_OUTPUT:-/dev/null}
new=()

if ! git diff --quiet; then
    git commit --quiet --all --message "The book's address is $1"
    new+=("HEAD:refs/heads/$(git branch --show-current)")
    echo "stamped=yes" >> "$outputs"
fi
if git fetch --quiet origin "refs/tags/$tag:refs/tags/$tag" 2> /dev/null; then
    if ! git diff --quiet "$tag" HEAD -- aebook; then
        echo "aebook/ is no longer what the first cells fetch, $tag: raise __version__ in" \
             "aebook/__init__.py, then make repository" >&2
        exit 1
    fi
else
    git tag "$tag"
    new+=("refs/tags/$tag")
    echo "tag=$tag" >> "$outputs"
fi
# Both or none: a first cell never names a tag that is not there.
[ ${#new[@]} -eq 0 ] || git push --quiet --atomic origin "${new[@]}"
