"""The words and half sentences that messages are filled up with: see `messages`.

Each in English and in Chinese; names of things for both splits, which have a part in common.
"""

from __future__ import annotations

PRODUCTS = {
    "train": (
        (
            "kettle",
            "phone",
            "office chair",
            "winter jacket",
            "running shoes",
            "desk lamp",
            "laptop",
            "bicycle",
            "coffee machine",
            "rice cooker",
            "headphones",
            "camera",
            "tent",
            "blender",
            "Nova X2",
            "garden hose",
            "toaster",
            "water filter",
        ),
        ("水壶", "手机", "办公椅", "羽绒服", "跑鞋", "台灯", "电脑", "自行车", "咖啡机", "电饭煲"),
    ),
    "stream": (
        (
            "phone",
            "office chair",
            "rain jacket",
            "desk lamp",
            "tea kettle",
            "camera",
            "backpack",
            "coffee grinder",
            "Nova X5",
            "headphones",
            "bookshelf",
            "running shirt",
        ),
        ("手机", "办公桌", "羽绒服", "台灯", "书包", "咖啡机", "耳机"),
    ),
}
"""Products in English and in Chinese; a part of those streamed is known from training."""

CITIES = {
    "train": (
        (
            "Berlin",
            "Paris",
            "London",
            "Madrid",
            "New York",
            "Chicago",
            "Rome",
            "Vienna",
            "Oslo",
            "Beijing",
            "Shanghai",
            "Tokyo",
            "Cape Town",
            "Lima",
            "Dublin",
            "Warsaw",
            "San Diego",
        ),
        ("北京", "上海", "广州", "深圳", "成都", "武汉", "西安", "南京", "杭州"),
    ),
    "stream": (
        (
            "Berlin",
            "Lisbon",
            "London",
            "New York",
            "Prague",
            "Shanghai",
            "San Jose",
            "Oslo",
            "Helsinki",
            "Madrid",
        ),
        ("北京", "上海", "重庆", "苏州", "杭州", "天津"),
    ),
}
"""Cities in English and in Chinese."""

OPENINGS = (
    ("hello", "hi", "good morning", "dear team", "hey", "excuse me"),
    ("你好", "您好", "请问"),
)
"""What some messages begin with, in English and in Chinese."""

DETAILS = (
    (
        "my order number is {order}",
        "it is about order {order}",
        "I ordered it on {date}",
        "it cost {amount}",
        "I bought the {product} in {city}",
        "I live in {city}",
        "the order is from {date}",
        "I paid {amount}",
        "it is the {product}",
    ),
    ("订单号是 {order}", "{date}买的", "花了 {amount}", "我在{city}", "买的是{product}"),
)
"""What some messages say beside, whatever their intent."""

CLOSINGS = (
    ("thanks", "thank you", "please help", "please answer soon", "regards", "bye"),
    ("谢谢", "请帮忙", "请尽快回复", "麻烦了"),
)
"""What some messages end with."""
