"""ResNeXt-50 (32×4d) to its last map, in plain PyTorch, under the names of its usual weights.

Loads PyTorch: import it where it is installed.
"""

from torch import nn

GROUPS, WIDTH, EXPANSION = 32, 4, 4


class Bottleneck(nn.Module):
    """1×1, grouped 3×3 with the stride, 1×1, beside a shortcut."""

    def __init__(self, inside: int, planes: int, stride: int) -> None:
        super().__init__()
        inner, outer = planes * GROUPS * WIDTH // 64, planes * EXPANSION
        self.conv1 = nn.Conv2d(inside, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, groups=GROUPS, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outer, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outer)
        self.downsample = None
        if stride != 1 or inside != outer:
            shortcut = nn.Conv2d(inside, outer, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outer))

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y)).relu()
        return (self.bn3(self.conv3(y)) + (self.downsample(x) if self.downsample else x)).relu()


class ResNeXt(nn.Module):
    """From `(N, 3, S, S)` to `(N, 2048, S / 32, S / 32)`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inside = 64
        for stage, count in enumerate((3, 4, 6, 3)):
            planes, blocks = 64 * 2**stage, []
            for number in range(count):
                stride = 2 if stage and not number else 1
                blocks.append(Bottleneck(inside, planes, stride))
                inside = planes * EXPANSION
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))
