"""Function words of Chinese, and the common words that contain one."""

_FUNCTION_WORDS = """
的 了 吗 呢 吧 啊 呀 嘛 哦 啦 之 和 与 及 以及 或者 是 就 都 也 又 很 把 被
我 你 您 他 她 它 我们 你们 他们 她们 它们 咱们 自己 大家
这 那 这个 那个 这些 那些 这样 那样 这里 那里 这儿 那儿 什么 怎么 怎样 哪里 哪儿 哪个 哪些
并且 而且 但是 可是 不过 然而 因为 所以 因此 如果 虽然 即使 还是 就是
对于 关于 由于 为了 按照 根据 通过 已经 曾经 正在 可以 应该 非常 一个 一些 一下 一点
"""
_KEPT = """
目的 的确 的士 了解 自我 我国 其他 他人 吉他 和平 和谐 暖和 温和 总和 参与 与会 及时 涉及
普及 是否 是非 首都 都市 成就 就业 也许 把握 被子 棉被 之前 之后 总之
"""

FUNCTION_WORDS = tuple(_FUNCTION_WORDS.split())
"""Written together with what stands beside them; single characters where few words have them."""
KEPT = frozenset(_KEPT.split())
"""Words of their own in which a function word is none."""
