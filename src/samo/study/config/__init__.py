"""params.yaml and the conditions it stands for."""

from samo.study.config.conditions import plan as plan
from samo.study.config.devices import device as device
from samo.study.config.devices import device_name as device_name
from samo.study.config.load import check as check
from samo.study.config.load import load as load
from samo.study.config.load import parse as parse
from samo.study.config.params import Params as Params
