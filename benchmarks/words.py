"""What result files say, as the READMEs say it: in English, and in Chinese."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    # contestants
    "aimass": ("aimass-stream", "aimass-stream"),
    "aimass, torch": ("aimass-stream, torch", "aimass-stream，torch"),
    "aimass, onnx": ("aimass-stream, ONNX Runtime", "aimass-stream，ONNX Runtime"),
    "aimass, onnx-int8": (
        "aimass-stream, ONNX Runtime in eight bits",
        "aimass-stream，ONNX Runtime，八位",
    ),
    "aiokafka send_batch": (
        "aiokafka loop, our headers (the floor)",
        "aiokafka 循环，带本引擎的消息头（下限）",
    ),
    "aiokafka send_batch, no headers": ("aiokafka loop", "aiokafka 循环"),
    "librdkafka": ("librdkafka loop, our headers", "librdkafka 循环，带本引擎的消息头"),
    "librdkafka, no headers": ("librdkafka loop", "librdkafka 循环"),
    "pathway": ("Pathway", "Pathway"),
    "bytewax flat_map_batch": ("Bytewax", "Bytewax"),
    "quix-streams": ("Quix Streams", "Quix Streams"),
    "faust take_events": ("Faust, `take_events`", "Faust，`take_events`"),
    "faust per event": ("Faust, event by event", "Faust，逐个事件"),
    "aiokafka, wait 0": ("aiokafka loop that does not wait", "不等待的 aiokafka 循环"),
    "aiokafka, wait 10 ms": ("aiokafka loop that waits 10 ms", "等待 10 ms 的 aiokafka 循环"),
    "window of 160, 1024 tokens, packed": (
        "offline, of a window of 160 rows, 1,024 tokens a batch, our layers",
        "离线，取自 160 条的窗口，每批 1,024 个词元，层与本引擎相同",
    ),
    "window of 160, 1024 tokens": (
        "offline, of a window of 160 rows, 1,024 tokens a batch",
        "离线，取自 160 条的窗口，每批 1,024 个词元",
    ),
    "window of 160, 512 tokens": (
        "offline, of a window of 160 rows, 512 tokens a batch",
        "离线，取自 160 条的窗口，每批 512 个词元",
    ),
    "longest of 32": (
        "offline, batches of 32 padded to the longest",
        "离线，每批 32 条，补齐到最长",
    ),
    "batches of 16, packed": (
        "offline, batches of 16, our layers",
        "离线，每批 16 条，层与本引擎相同",
    ),
    "batches of 16": ("offline, batches of 16", "离线，每批 16 条"),
    "generate-one": ("`generate`, one prompt at a time", "`generate`，一次一条"),
    "generate-padded": (
        "`generate`, all prompts padded, until the longest is done",
        "`generate`，全部补齐，直到最长的写完",
    ),
    "aimass-together": ("aimass-stream, side by side", "aimass-stream，并排生成"),
    "an inline model": ("an inline model", "内联模型"),
    "a model in a device process": ("a model in a device process", "设备进程中的模型"),
    "a text model": ("a text model", "文本模型"),
    "a text model, cold": ("a text model, no bytecode compiled", "文本模型，尚无编译好的字节码"),
    # promises
    "at least once; an outcome for each record, bad records isolated, ids": (
        "at least once; an outcome for each record, bad records isolated, ids",
        "至少一次；每条记录都有结局，坏记录被隔离，应答带 id",
    ),
    "at least once; a bad record stops it": (
        "at least once; a bad record stops it",
        "至少一次；一条坏记录就会使它停下",
    ),
    "at least once, from snapshots of its own on disk, each second": (
        "at least once, from its own snapshots",
        "至少一次，依靠自己的快照",
    ),
    "at least once, from a recovery store of its own on disk, each second": (
        "at least once, from its own recovery store",
        "至少一次，依靠自己的恢复存储",
    ),
    "at most once for a batch whose agent raises: it is acknowledged all the same": (
        "a batch whose agent raises is lost",
        "代理抛出异常时，整批丢失",
    ),
    "at most once for an event whose agent raises: it is acknowledged all the same": (
        "an event whose agent raises is lost",
        "代理抛出异常时，该事件丢失",
    ),
    # data
    "served images": (
        "1,000 photographs, 32 x 32, 10 classes, half to train on",
        "1,000 张 32 x 32 照片，10 类，一半用于训练",
    ),
    "served audio": (
        "1,000 spoken digits, half to train on",
        "1,000 段口语数字，一半用于训练",
    ),
    "served text": ("questions of 6 kinds (TREC)", "6 类问句（TREC）"),
    "served behaviour": (
        "clicks of shop sessions: next item among 10",
        "商店会话点击：下一件商品在前 10 之内",
    ),
    # headers and kinds
    "contestant": ("contestant", "参与者"),
    "promise": ("promise", "承诺"),
    "records": ("records", "记录数"),
    "CPU a record": ("CPU a record", "每条记录 CPU"),
    "records a second": ("records a second", "每秒记录数"),
    "times the floor's CPU": ("times the floor's CPU", "与下限 CPU 之比"),
    "at 2,000 records a second": ("at 2,000 records a second", "每秒 2,000 条记录时"),
    "kind": ("kind", "类型"),
    "text": ("text", "文本"),
    "images": ("images", "图像"),
    "audio": ("audio", "音频"),
    "padding": ("padding", "填充"),
    "by the device's CPU second": ("by the device's CPU second", "设备每 CPU 秒"),
    "times torch": ("times torch", "相对 torch 的倍数"),
    "ours, as a share of it": ("ours, as a share of it", "本引擎达到的比例"),
    "the same by the device's CPU time": (
        "the same by the device's CPU time",
        "按设备 CPU 时间的同一比例",
    ),
    "all": ("all", "合计"),
    "offline, alone": ("offline, alone", "离线单独"),
    "beside the others": ("beside the others", "与其他同时"),
    "of the device": ("of the device", "占设备"),
    "a layer of 512 by 1,024, 16 rows": (
        "a layer of 512 by 1,024, 16 rows",
        "一层 512 乘 1,024，16 行",
    ),
    "the same, 1,024 rows": ("the same, 1,024 rows", "同上，1,024 行"),
    "BERT, 4 layers of 256, 1 text of 22 tokens": (
        "BERT, 4 layers of 256, 1 text of 22 tokens",
        "BERT，4 层，宽 256，1 条 22 词元的文本",
    ),
    "the same, 32 texts of 32 tokens": (
        "the same, 32 texts of 32 tokens",
        "同上，32 条，各 32 词元",
    ),
    "ViT, 4 layers of 768, 8 images": (
        "ViT, 4 layers of 768, 8 images",
        "ViT，4 层，宽 768，8 张图像",
    ),
    "ResNet, 17 convolutions, 1 image": (
        "ResNet, 17 convolutions, 1 image",
        "ResNet，17 个卷积，1 张图像",
    ),
    "the same, 16 images": ("the same, 16 images", "同上，16 张图像"),
    "part": ("part", "部分"),
    "the job": ("the job", "任务本身"),
    "sockets and event loops": ("sockets and event loops", "套接字与事件循环"),
    "answers to record batches": ("answers to record batches", "应答写成记录批"),
    "agents, batches, handover": ("agents, batches, handover", "代理、批、交接"),
    "fetched batches to columns": ("fetched batches to columns", "取来的批拆成列"),
    "the client": ("the client", "客户端"),
    "ledger, outcomes, delivery": ("ledger, outcomes, delivery", "账本、结局、投递"),
    "else": ("else", "其他"),
    "network": ("network", "网络"),
    "as torch computes it": ("as torch computes it", "torch 原样"),
    "as here": ("as here", "本引擎"),
    "tokens a CPU-second": ("tokens a CPU-second", "每 CPU 秒词元数"),
    "times one at a time": ("times one at a time", "与一次一条之比"),
    "with": ("with", "使用"),
    "first answer after": ("first answer after", "首个应答"),
    "CPU of all processes": ("CPU of all processes", "全部进程 CPU"),
    "worker": ("worker", "工作进程"),
    "it grows a record": ("it grows a record", "每条记录增长"),
    "device process": ("device process", "设备进程"),
    "that grows a record": ("that grows a record", "每条记录增长 "),
    "workers": ("workers", "工作进程"),
    "partitions": ("partitions", "分区"),
    "records a core-second": ("records a core-second", "每核每秒记录数"),
    "a worker leaves": ("a worker leaves", "一个工作进程离开"),
    "memory a worker": ("memory a worker", "每个工作进程内存"),
    "data": ("data", "数据"),
    "sent": ("sent", "发送"),
    "held out": ("held out", "留出"),
    "right": ("right", "正确率"),
    "baseline": ("baseline", "基线"),
}
"""What a cell says, by what the file says; a cell that is not here stays as it is."""
